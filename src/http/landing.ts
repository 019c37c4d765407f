/** Where a redirect led, which axios's adapter on `fetch` does not say. */

type Fetch = typeof fetch

/** Sends, and notes it on the request, as an `XMLHttpRequest` does. */
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

/**
 * Says how an adapter on `fetch` treats redirects; adapters that do not use it take no notice. `fetch` follows a redirect
 * by itself and takes off no header but `Authorization`, so a redirect fails where another one holds a token, unless the
 * application says otherwise.
 */
export function limitRedirects(
  config: { fetchOptions?: { redirect?: unknown } },
  adapter: object,
  names: readonly string[],
  collects: boolean,
): void {
  const { fetchOptions } = config
  const { redirect = isExposed(names) ? 'error' : undefined } = fetchOptions ?? {}
  // Before 1.12 axios's own adapter on `fetch` does not tell where it was led, and so who hands out tokens.
  const isBlind = collects && Reflect.get(adapter, 'adapterName') === 'fetch' && redirect !== 'manual'
  if (redirect || isBlind) config.fetchOptions = { ...fetchOptions, redirect: isBlind ? 'error' : redirect }
}

/** Whether one of the headers stays on the way to another origin. */
function isExposed(names: readonly string[]): boolean {
  return names.some(name => name.toLowerCase() !== 'authorization')
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
