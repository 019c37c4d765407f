/** One call of the refresh function: bounded for those who wait, open for an answer that comes late. */
import { startTimer } from './environment.js'
import type { RefreshContext, RefreshFunction } from './types.js'
import { within } from './waiting.js'

export interface Attempts {
  /** Whether the refresh function is being called right now, on this very stack. */
  calling(): boolean
  /** Whether the signal is one that a refresh function was given. */
  owns(signal: unknown): boolean
  /** Aborts the requests under way. */
  abort(): void
  /**
   * Calls the refresh function and hands its answer to `take`, however late it comes. Rejects with a `TypeError`
   * when the time is up; `late` hears then what became of the call after all.
   */
  make<T>(
    refresh: RefreshFunction | undefined,
    context: Omit<RefreshContext, 'signal'>,
    take: (answer: unknown) => T | Promise<T>,
    late: LateAnswer<T>,
  ): Promise<T>
}

export interface LateAnswer<T> {
  /** The time is up, and the call goes on. */
  open(): void
  /** It has settled, or the time for that is up, too. */
  close(): void
  taken(result: T): void
  failed(error: unknown): void
}

export function createAttempts(limit: number): Attempts {
  const signals = new WeakSet<object>()
  const open = new Set<AbortController>()
  let calling = false

  /** Never throws synchronously. */
  const call = (refresh: RefreshFunction | undefined, context: RefreshContext): Promise<unknown> => {
    calling = true
    try {
      return Promise.resolve(refresh?.(context))
    } catch (error) {
      return Promise.reject(error)
    } finally {
      calling = false
    }
  }
  return {
    calling: () => calling,
    owns: signal => signals.has(signal as object),
    abort() {
      for (const controller of open) controller.abort()
    },
    make(refresh, context, take, late) {
      const controller = new AbortController()
      const { signal } = controller
      open.add(controller)
      signals.add(signal)
      const stop = startTimer(() => {
        late.close()
        controller.abort()
      }, 2 * limit)
      const work = call(refresh, { ...context, signal })
        .then(take)
        .finally(() => {
          stop()
          late.close()
          open.delete(controller)
        })
      let isLate = false
      work.then(
        result => isLate && late.taken(result),
        error => isLate && late.failed(error),
      )
      const expire = (): Error => {
        isLate = true
        late.open()
        return new TypeError(
          `The refresh function did not settle within ${limit} ms. If it calls a client that tokenflight is attached to, pass it context.signal or skipAuth`,
        )
      }
      return within(work, limit, expire, true)
    },
  }
}
