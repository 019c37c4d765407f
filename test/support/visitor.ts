/** An auth server that answers the restore of a visitor in cookie mode. */
import type { RefreshContext, TokenResponse } from 'tokenflight'

export type RestoreAnswer = () => Promise<TokenResponse>

export const down: RestoreAnswer = () => Promise.reject(new TypeError('Failed to fetch'))
export const refused =
  (status: number, data?: unknown): RestoreAnswer =>
  () =>
    Promise.reject({ response: { status, data, headers: {} } })
export const found: RestoreAnswer = () => Promise.resolve({ access_token: 'cookie-at', expires_in: 300 })

/** A refresh function that gives one answer until it is set to another, and its calls. */
export function restoreStub(answer: RestoreAnswer) {
  let next = answer
  const refreshes: RefreshContext[] = []
  return {
    refreshes,
    refresh(context: RefreshContext): Promise<TokenResponse> {
      refreshes.push(context)
      return next()
    },
    set(answer: RestoreAnswer): void {
      next = answer
    },
  }
}
