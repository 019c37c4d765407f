/** The only door to the platform. Globals are read when called, so that fake timers and stubs are seen. */
import type { AuthLock } from './types.js'

/** The longest wait that a timer takes; beyond it `setTimeout` fires at once (HTML, 32-bit delay). */
const LONGEST_WAIT = 2 ** 31 - 1

/**
 * Runs the callback after so many milliseconds (at most 24.8 days). Returns what cancels it.
 * @param isAwaited somebody waits for it, so Node must live on until it is due or cancelled
 */
export function startTimer(callback: () => void, delay: number, isAwaited?: boolean): () => void {
  const timer: unknown = setTimeout(callback, Math.min(Math.max(delay, 0), LONGEST_WAIT))
  if (!isAwaited) (timer as { unref?: () => void }).unref?.()
  return () => clearTimeout(timer as number)
}

export function hasWindow(): boolean {
  return typeof window !== 'undefined'
}

/** A page or one of its workers, where code that shares our name belongs to the same user. */
export function isBrowser(): boolean {
  return (
    typeof document !== 'undefined' ||
    typeof (globalThis as { WorkerGlobalScope?: unknown }).WorkerGlobalScope === 'function'
  )
}

/** The origin of the page or worker; undefined where there is none. */
export function pageOrigin(): string | undefined {
  return typeof location === 'undefined' ? undefined : location?.origin
}

/** The base of relative URLs: that of the document, else the page. */
export function baseUrl(): string | undefined {
  const base = typeof document === 'undefined' ? undefined : document?.baseURI
  return base ?? (typeof location === 'undefined' ? undefined : location?.href)
}

export function isVisible(): boolean {
  return typeof document === 'undefined' || document.visibilityState !== 'hidden'
}

export function isOffline(): boolean {
  return typeof navigator !== 'undefined' && navigator.onLine === false
}

export function webLocks(): AuthLock | undefined {
  return typeof navigator === 'undefined' ? undefined : (navigator.locks as AuthLock | undefined)
}

/** Calls the listener with the name of each event that may mean time has passed unseen. Returns what stops it. */
export function onWake(listener: (event: string, restored: boolean) => void): () => void {
  if (typeof window === 'undefined' || !window.addEventListener) return () => {}
  const handler = (event: Event): void =>
    listener(event.type, (event as PageTransitionEvent).persisted === true)
  const targets: readonly (readonly [EventTarget | undefined, readonly string[]])[] = [
    [window, ['pageshow', 'focus', 'online']],
    [typeof document === 'undefined' ? undefined : document, ['visibilitychange', 'freeze', 'resume']],
  ]
  for (const [target, names] of targets) for (const name of names) target?.addEventListener(name, handler)
  return () => {
    for (const [target, names] of targets)
      for (const name of names) target?.removeEventListener(name, handler)
  }
}

/** A readable cookie; empty when there is none. */
export function readCookie(name: string): string {
  if (typeof document === 'undefined') return ''
  const pair = document.cookie.split('; ').find(each => each.startsWith(`${name}=`))
  const value = pair?.slice(name.length + 1) ?? ''
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
