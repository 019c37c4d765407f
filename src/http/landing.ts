/** Where a redirect led, which axios's adapter on `fetch` does not say. */

type Fetch = typeof fetch

/** Sends, and notes it on the request, as an `XMLHttpRequest` does. */
async function follow(send: Fetch, ...[request, init]: Parameters<Fetch>): Promise<Response> {
  const response = await send(request, init)
  if (response.redirected && typeof request === 'object')
    Reflect.defineProperty(request, 'responseURL', { value: response.url })
  return response
}

function land(...call: Parameters<Fetch>): Promise<Response> {
  return follow(fetch, ...call)
}

/** Makes what sends of a `fetch` of the application: always the same, since axios keeps an adapter for each. */
export function createLanding(): (own: Fetch | null | undefined) => Fetch {
  const landings = new WeakMap<Fetch, Fetch>()
  return own => {
    if (!own) return land
    const landing = landings.get(own) ?? ((...call) => follow(own, ...call))
    landings.set(own, landing)
    return landing
  }
}
