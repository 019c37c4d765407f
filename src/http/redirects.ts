/** Redirects of axios: where they lead, and no token on the way to another origin. */
import { isForeign, type Origins } from './origins.js'

type Fetch = typeof fetch

/** Sends, and notes on the request where a redirect led, as an `XMLHttpRequest` does. axios's adapter on `fetch` does not. */
async function follow(send: Fetch, ...[request, init]: Parameters<Fetch>): Promise<Response> {
  const response = await send(request, init)
  // A polyfill may not know whether it was redirected.
  if (response.redirected !== false && response.url && typeof request === 'object')
    Reflect.defineProperty(request, 'responseURL', { value: response.url })
  return response
}

function land(...call: Parameters<Fetch>): Promise<Response> {
  return follow(fetch, ...call)
}

/** The parts of a request's config that concern redirects. */
interface RedirectConfig {
  fetchOptions?: { redirect?: unknown }
  /** Node alone calls it (`follow-redirects`). */
  beforeRedirect?: ((target: Target, ...details: never[]) => void) | undefined
}

/** The options of the next request. */
type Target = { readonly href: string; readonly headers: Record<string, unknown> }

/**
 * Takes the tokens off on the way to another origin.
 * @param own the config that leaves
 * @param names the headers of the tokens
 * @returns whether a redirect has led to another origin
 */
export function guardRedirects(
  own: RedirectConfig,
  names: readonly string[],
  { adapter, origins, collects }: { adapter: object; origins: Origins; collects: boolean },
): () => boolean {
  const { beforeRedirect } = own
  let isAway = false
  limitRedirects(own, adapter, names, collects)
  own.beforeRedirect = (target, ...details) => {
    beforeRedirect?.(target, ...details)
    isAway ||= isForeign(origins, target.href)
    if (!isAway) return
    const lowerNames = names.map(name => name.toLowerCase())
    for (const name in target.headers)
      if (lowerNames.includes(name.toLowerCase())) delete target.headers[name]
  }
  return () => isAway
}

/**
 * Sets how an adapter on `fetch` treats redirects; other adapters ignore it. `fetch` follows a redirect
 * by itself and takes off no header but `Authorization`, so a redirect fails where another one holds a token, unless the
 * application has set another mode.
 */
function limitRedirects(
  config: RedirectConfig,
  adapter: object,
  names: readonly string[],
  collects: boolean,
): void {
  const { fetchOptions } = config
  const { redirect = isExposed(names) ? 'error' : undefined } = fetchOptions ?? {}
  // Before 1.12 axios's own adapter on `fetch` does not report the final URL, so the origin of new tokens is unknown.
  const isBlind = collects && Reflect.get(adapter, 'adapterName') === 'fetch' && redirect !== 'manual'
  if (redirect || isBlind) config.fetchOptions = { ...fetchOptions, redirect: isBlind ? 'error' : redirect }
}

/** Whether one of the tokens stays on the way to another origin. A proof may: it is good for its own address alone. */
function isExposed(names: readonly string[]): boolean {
  return names.some(name => name !== 'DPoP' && name.toLowerCase() !== 'authorization')
}

/** Wraps the application's `fetch`: always the same wrapper for the same function, because axios keeps an adapter for each. */
export function createLanding(): (own: Fetch | null | undefined) => Fetch {
  const landings = new WeakMap<Fetch, Fetch>()
  return own => {
    if (!own) return land
    const landing = landings.get(own) ?? ((...call) => follow(own, ...call))
    landings.set(own, landing)
    return landing
  }
}
