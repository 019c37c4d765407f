/** Sessions whose refresh fails. */
import { vi } from 'vitest'
import { httpError, MINUTE, open, pair, pass, refreshStub } from './core.js'

/** Every draw is this part of the largest. */
export function draw(part: number): void {
  vi.spyOn(Math, 'random').mockReturnValue(part)
}

export const failing = (failure: () => unknown = () => httpError(503)) =>
  refreshStub(() => Promise.reject(failure()))

/** A session whose access token is dead. */
export async function dead(options: Parameters<typeof open>[0] = {}) {
  const opened = open({ autoRefresh: 'off', ...options })
  await opened.auth.login(pair())
  await pass(5 * MINUTE)
  return opened
}
