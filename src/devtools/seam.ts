/** The part of an `Auth` that only the devtools use, besides its public members: its handle, without any token. */
import { handleOf } from '../core/handle.js'
import type { Auth, RefreshFunction } from '../core/types.js'

export interface Seam {
  /** The name of the session, which its tabs share. */
  readonly name: string
  /** How far the session's clock is ahead of the device's, milliseconds. */
  skew(): number
  /** The lifetime of the access token, milliseconds; undefined: unknown. */
  lifetime(): number | undefined
  /** The window of an access token of that lifetime, both in milliseconds. */
  windowOf(lifetime: number): number
  /** The access token counts as expired from now on, in this tab alone. */
  expire(): void
  /** The next attempt to refresh fails as if the server had answered 503. */
  failNext(): void
  /** Whether there is anything that could fail. */
  readonly canRefresh: boolean
  /** Undoes all changes. */
  restore(): void
}

/** @throws TypeError when it is not an `Auth` */
export function seamOf(auth: Auth<never, never>): Seam {
  const handle = handleOf(auth)
  const { settings } = handle
  const { refresh } = settings
  let isArmed = false
  const faulty: RefreshFunction = async context => {
    if (isArmed) {
      isArmed = false
      throw Object.assign(new Error('The devtools made this attempt fail'), { status: 503 })
    }
    return (refresh as RefreshFunction)(context)
  }
  return {
    name: settings.name,
    canRefresh: !!refresh,
    skew: () => settings.clock.now() - Date.now(),
    lifetime: () => handle.current()?.record.lifetime,
    windowOf: settings.window,
    expire: handle.expire,
    failNext() {
      isArmed = true
      settings.refresh = faulty
    },
    restore() {
      isArmed = false
      if (settings.refresh === faulty) settings.refresh = refresh
    },
  }
}
