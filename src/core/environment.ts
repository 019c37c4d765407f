/** The only access to the platform. Globals are read at each call, so that fake timers and stubs work. */
import type { AuthLock } from './types.js'

/** The longest wait that a timer takes; beyond it `setTimeout` fires at once (HTML, 32-bit delay). */
const LONGEST_WAIT = 2 ** 31 - 1

/** The result; undefined if reading throws: a sandboxed frame refuses cookies, and a body may refuse to be inspected. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/**
 * Runs the callback after so many milliseconds (at most 24.8 days). Returns a function that cancels it.
 * @param isAwaited a caller waits for it, so Node must live on until it is due or cancelled
 */
export function startTimer(callback: () => void, delay: number, isAwaited?: boolean): () => void {
  const timer: unknown = setTimeout(callback, Math.min(Math.max(delay, 0), LONGEST_WAIT))
  if (!isAwaited) (timer as { unref?: () => void }).unref?.()
  return () => clearTimeout(timer as number)
}

export function hasWindow(): boolean {
  return typeof window !== 'undefined'
}

/**
 * Whether this is a page or a worker of one, where code that shares our name belongs to the same user. A server process
 * is neither, even with such globals: a polyfill's `Document` is not native, and a server runtime does not call itself
 * Mozilla, as every browser does.
 */
export function isPage(): boolean {
  const scope = globalThis as { Document?: unknown; WorkerGlobalScope?: unknown }
  return (
    isNative(scope.Document) ||
    (isNative(scope.WorkerGlobalScope) && /^Mozilla\//.test(`${attempt(() => navigator.userAgent)}`))
  )
}

/** The origin of the page or worker; undefined without one. */
export function pageOrigin(): string | undefined {
  return attempt(() => location.origin)
}

/** The base of relative URLs: that of the document, else the page. */
export function baseUrl(): string | undefined {
  return attempt(() => document.baseURI) ?? attempt(() => location.href)
}

/** The URL as the platform resolves it. Undefined: the text is not a URL. `base` null: it must be absolute. */
export function parseUrl(url: string, base: string | null = baseUrl() ?? null): URL | undefined {
  return attempt(() => new URL(url, base ?? undefined))
}

function isNative(value: unknown): boolean {
  if (typeof value !== 'function') return false
  return Function.prototype.toString.call(value).replace(/\s/g, '').endsWith('{[nativecode]}')
}

export function isVisible(): boolean {
  return attempt(() => document.visibilityState) !== 'hidden'
}

export function isOffline(): boolean {
  return attempt(() => navigator.onLine) === false
}

export function webLocks(): AuthLock | undefined {
  return attempt(() => navigator.locks as AuthLock)
}

/** Resolves when the user visits a page that is being prerendered; undefined: the page is not. */
export function whenActivated(): Promise<void> | undefined {
  if (!attempt(() => (document as { prerendering?: boolean }).prerendering)) return undefined
  return new Promise(resolve => document.addEventListener('prerenderingchange', () => resolve()))
}

/** Listens to events of the window and of the document, where they exist. Returns a function that stops it. */
export function listen(
  listener: (event: Event) => void,
  ofWindow: readonly string[],
  ofDocument: readonly string[],
): () => void {
  if (typeof window === 'undefined' || !window.addEventListener) return () => {}
  const targets: readonly (readonly [EventTarget | undefined, readonly string[]])[] = [
    [window, ofWindow],
    [attempt(() => document), ofDocument],
  ]
  const each = (method: 'addEventListener' | 'removeEventListener'): void => {
    for (const [target, names] of targets) for (const name of names) target?.[method](name, listener)
  }
  each('addEventListener')
  return () => each('removeEventListener')
}

/** Calls the listener with the name of each event that may mean time has passed unseen. Returns a function that stops it. */
export function onWake(listener: (event: string, restored: boolean) => void): () => void {
  return listen(
    event => listener(event.type, (event as PageTransitionEvent).persisted === true),
    ['pageshow', 'focus', 'online'],
    ['visibilitychange', 'freeze', 'resume', 'prerenderingchange'],
  )
}

/** The value of a cookie that scripts can read. Empty: the page has no such cookie. */
export function readCookie(name: string): string {
  const pair = attempt(() => document.cookie)
    ?.split('; ')
    .find(each => each.startsWith(`${name}=`))
  const value = pair?.slice(name.length + 1) ?? ''
  return attempt(() => decodeURIComponent(value)) ?? value
}
