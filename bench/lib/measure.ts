/**
 * Measuring on a machine that does other things meanwhile: many short rounds, in each of them every contestant once
 * and in random order; a ratio is taken within its round. CPU time of this process, not wall time, so that a
 * neighbour counts for little; the garbage collector runs on the main thread and counts.
 */
import { type Sample, sample, shuffled } from './statistics.js'

/** CPU time that the work took, microseconds. */
export async function cpu(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

export function collectGarbage(): void {
  globalThis.gc?.()
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise(resolve => void setImmediate(resolve))
}

export interface Measured {
  /** The measured values. */
  readonly value: Sample
  /** The same as a multiple of the base of its round. */
  readonly ratio: Sample
  /** The same less the base of its round. */
  readonly added: Sample
}

export interface Rounds<Name extends string> {
  readonly rounds: number
  /** Rounds before, which count for nothing. */
  readonly warmUp?: number
  /** The value that each is compared with. */
  readonly base: NoInfer<Name> | ((name: NoInfer<Name>) => NoInfer<Name>)
}

export async function interleave<Name extends string>(
  contestants: Record<Name, () => Promise<number>>,
  { rounds, warmUp = 2, base }: Rounds<Name>,
): Promise<Record<Name, Measured>> {
  const names = Object.keys(contestants) as Name[]
  const values = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<Name, number[]>
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const value = await contestants[name]()
      if (round >= 0) values[name].push(value)
    }
  }
  const baseOf = (name: Name): number[] => values[typeof base === 'string' ? base : base(name)]
  return Object.fromEntries(
    names.map(name => [
      name,
      {
        value: sample(values[name]),
        ratio: sample(values[name].map((value, round) => value / (baseOf(name)[round] as number))),
        added: sample(values[name].map((value, round) => value - (baseOf(name)[round] as number))),
      },
    ]),
  ) as Record<Name, Measured>
}

/** How many turns of the microtask queue it takes until the promise has settled. */
export async function microtaskTurns(start: () => Promise<unknown>): Promise<number> {
  let settled = false
  const stop = (): void => {
    settled = true
  }
  start().then(stop, stop)
  let turns = 0
  for (; !settled; turns++) await null
  return turns
}
