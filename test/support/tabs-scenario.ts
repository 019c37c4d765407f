/** The input of a simulation, and how fast-check draws one. */
import fc from 'fast-check'
import type { Fates } from './tabs-server.js'

export type StorageKind = 'indexedDB' | 'web' | 'web without a database' | 'coherent' | 'cookie'
export type LockKind = 'locks' | 'lease' | 'none'
export type Deed =
  | 'burst'
  | 'refresh'
  | 'login'
  | 'logout'
  | 'open'
  | 'kill'
  | 'reload'
  | 'freeze'
  | 'offline'
  | 'sleep'
  | 'jump'
  | 'revoke'

export interface Step {
  /** Milliseconds from the start. */
  readonly at: number
  readonly deed: Deed
  readonly tab: number
  /** Milliseconds; for a jump, how far and in which direction. */
  readonly duration: number
}

const MARKS = [
  'lock granted',
  'refresh sent',
  'refresh processed',
  'refresh answered',
  'database read',
  'database committed',
] as const

/** A fault that strikes right after a step, in the tab that makes this step for the n-th time. */
export interface Trap {
  readonly on: (typeof MARKS)[number]
  readonly nth: number
  readonly deed: Deed
  readonly duration: number
}

export interface Scenario {
  readonly seed: number
  readonly tabs: number
  readonly storage: StorageKind
  readonly lock: LockKind
  /** The server's grace window, milliseconds. */
  readonly grace: number
  /** A spent token is refused, and nothing else: the server does not take it for theft. */
  readonly isLenient?: boolean
  readonly fates?: Fates
  /** How far the device's clock is off, milliseconds. */
  readonly skew?: number
  readonly hasChannel?: boolean
  /** How long a step of a database transaction takes at the most, milliseconds. */
  readonly latency?: number
  readonly steps?: readonly Step[]
  readonly traps?: readonly Trap[]
}

/** How long faults go on, milliseconds. */
export const DURATION = 120_000

/** The platforms on which tokenflight decides who refreshes, and the means for that. */
export const PLATFORMS: readonly Pick<Scenario, 'storage' | 'lock'>[] = [
  { storage: 'indexedDB', lock: 'locks' },
  { storage: 'web', lock: 'locks' },
  { storage: 'coherent', lock: 'locks' },
  { storage: 'cookie', lock: 'locks' },
  { storage: 'indexedDB', lock: 'lease' },
  { storage: 'web', lock: 'lease' },
  { storage: 'cookie', lock: 'lease' },
]
/** The platform of a page that has less: no lock of any kind, or no coherent storage. */
export const POOR_PLATFORMS: readonly Pick<Scenario, 'storage' | 'lock'>[] = [
  { storage: 'web without a database', lock: 'locks' },
  { storage: 'web without a database', lock: 'none' },
  { storage: 'coherent', lock: 'none' },
]

const tab = fc.nat(7)
const step = (deeds: readonly Deed[]): fc.Arbitrary<Step> =>
  fc.record({
    at: fc.integer({ min: 1_000, max: DURATION }),
    deed: fc.constantFrom(...deeds),
    tab,
    duration: fc.integer({ min: 100, max: 25_000 }),
  })
const trap = (deeds: readonly Deed[]): fc.Arbitrary<Trap> =>
  fc.record({
    on: fc.constantFrom(...MARKS),
    nth: fc.integer({ min: 1, max: 40 }),
    deed: fc.constantFrom(...deeds),
    duration: fc.integer({ min: 100, max: 25_000 }),
  })
const share = (most: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: 10 }).map(part => (part / 10) * most)

const common = (platforms: typeof PLATFORMS) => ({
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  tabs: fc.integer({ min: 2, max: 5 }),
  platform: fc.constantFrom(...platforms),
  skew: fc.constantFrom(0, 0, 3_600_000, -3_600_000),
  hasChannel: fc.constantFrom(true, true, true, false),
  latency: fc.constantFrom(2, 2, 2, 30),
})

type Drawn = Omit<Scenario, 'storage' | 'lock'> & { platform: Pick<Scenario, 'storage' | 'lock'> }
// In cookie mode there is nothing but the channel by which tabs could hear of each other.
const flat = ({ platform, hasChannel = true, ...rest }: Drawn): Scenario => ({
  ...rest,
  // Without news the others may not ask for a long time.
  grace: rest.grace && (hasChannel ? rest.grace : 600_000),
  ...platform,
  hasChannel: hasChannel || platform.storage === 'cookie',
})

const EVERY_STEP = [
  'refresh',
  'login',
  'logout',
  'open',
  'reload',
  'kill',
  'freeze',
  'sleep',
  'jump',
  'revoke',
  'offline',
] as const

/** No grace window: the client always knows the grants of the server, unless a tab dies or freezes. */
export const strictScenario: fc.Arbitrary<Scenario> = fc
  .record({
    ...common(PLATFORMS),
    grace: fc.constant(0),
    fates: fc.record({ lostBefore: share(0.3), slow: share(0.1), refused: share(0.3) }),
    steps: fc.array(step(EVERY_STEP), { maxLength: 10 }),
    traps: fc.array(trap(['login', 'logout', 'kill', 'freeze', 'reload']), { maxLength: 2 }),
  })
  .map(flat)

/**
 * A server with a grace window of two minutes: everything may happen, and no session may be lost. (At such rates of
 * loss a minute is too short once in a thousand runs: the back-off doubles with each failure in a row.)
 */
export const graceScenario = (platforms: typeof PLATFORMS): fc.Arbitrary<Scenario> =>
  fc
    .record({
      ...common(platforms),
      grace: fc.constant(120_000),
      fates: fc.record({
        lostBefore: share(0.15),
        lostAfter: share(0.2),
        slow: share(0.1),
        refused: share(0.2),
      }),
      steps: fc.array(step(EVERY_STEP), { maxLength: 12 }),
      traps: fc.array(trap(['kill', 'reload', 'freeze', 'logout', 'login']), { maxLength: 4 }),
    })
    .map(flat)

/** A server that refuses a spent token without ending the session: the second tab must take the tokens of the first. */
export const lenientScenario: fc.Arbitrary<Scenario> = fc
  .record({
    ...common(POOR_PLATFORMS),
    grace: fc.constant(0),
    isLenient: fc.constant(true),
    fates: fc.record({ lostBefore: share(0.3), refused: share(0.3) }),
    steps: fc.array(step(['refresh', 'login', 'logout', 'open', 'reload', 'kill', 'revoke', 'offline']), {
      maxLength: 10,
    }),
  })
  .map(flat)
