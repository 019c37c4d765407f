/** The server of the static demo: `mockAuth` and the resources that it protects, without a network. */
import { getResponse, HttpResponse, http } from 'msw'
import { mockAuth } from 'tokenflight/msw'
import { answerAdmin } from '../server/admin.js'
import { createRequestLog, describeRequest } from '../server/log.js'
import { openStore } from './store.js'

/** A request, as it travels from a tab to where the server is. */
export interface PlainRequest {
  readonly url: string
  readonly method: string
  readonly headers: readonly [string, string][]
  readonly body: string
}

/** An answer on its way back; without a status the connection broke. */
export interface PlainAnswer {
  readonly status: number
  readonly headers: readonly [string, string][]
  readonly body: string
}

/** How long a refresh takes at first, in ms. */
const usualDelay = 250

export async function createMock(): Promise<(request: PlainRequest) => Promise<PlainAnswer>> {
  const log = createRequestLog()
  const backend = mockAuth({
    baseUrl: `${location.origin}/auth`,
    store: await openStore(),
    accessTokenLifetime: 10_000,
    refreshTokenLifetime: 60_000,
  })
  backend.delayRefresh(usualDelay)
  const handlers = [
    ...backend.handlers,
    http.get(
      `${location.origin}/api/orders`,
      backend.protect(async ({ request }) => {
        const delay = Number(new URL(request.url).searchParams.get('delay') ?? 0)
        await new Promise(resolve => setTimeout(resolve, delay))
        return HttpResponse.json({ orders: [{ id: 1, item: 'Tea' }] })
      }),
    ),
  ]
  const answer = async (request: Request): Promise<Response> =>
    (await answerAdmin(backend, log, request, undefined)) ??
    (await getResponse(handlers, request)) ??
    HttpResponse.json({ error: 'not_found' }, { status: 404 })

  return async ({ url, method, headers, body }) => {
    const begun = Date.now()
    const request = new Request(url, { method, headers: [...headers], ...(body && { body }) })
    const kept = request.clone()
    const response = await answer(request)
    const isAdmin = new URL(url).pathname.startsWith('/admin/')
    if (!isAdmin) log.add(describeRequest(kept, {}, response.status, begun, Date.now()))
    const isBroken = response.type === 'error'
    return {
      status: isBroken ? 0 : response.status,
      headers: [...response.headers],
      body: isBroken ? '' : await response.text(),
    }
  }
}
