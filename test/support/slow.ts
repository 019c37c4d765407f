/** How thorough a test is: `npm test` takes one case of each kind, `npm run test:slow` takes all of them. */
export const isSlow: boolean = process.env.TOKENFLIGHT_SLOW !== undefined

/** Runs of a property: as many as it is worth, or a tenth of them. */
export const runs = (all: number): number => (isSlow ? all : Math.ceil(all / 10))

/** The number of rounds of `npm run test:slow -- --rounds 9`. */
export const roundsOr = (usual: number): number => Number(process.env.ROUNDS ?? usual)
