/** The demo's own resources under `/api`, like those that an application has behind an auth server. */
import { challenge, toResponse } from '../../src/mock-server/reply.js'
import type { AuthServer } from '../../src/mock-server/server.js'
import type { Trace } from '../../src/mock-server/world.js'

type Claims = Extract<Awaited<ReturnType<AuthServer['authorize']>>, { claims: unknown }>['claims']

/** The longest that `?delay=` makes an answer wait, in ms. */
const longestDelay = 60_000

/**
 * Answers a request to `/api/…`; `undefined` where there is no such resource.
 *
 * - `GET /api/public`: without a token.
 * - `GET /api/orders?delay=<ms>`: protected; waits so long before it answers.
 * - any method `/api/echo`: protected; echoes the request, so that a replay can be compared with the first attempt.
 * - any method `/api/always-401`: refuses every token.
 */
export async function answerApi(
  backend: AuthServer,
  request: Request,
  trace: Trace,
): Promise<Response | undefined> {
  const { pathname, searchParams } = new URL(request.url)
  if (pathname === '/api/public') return Response.json({ message: 'No token needed' })
  const resource = resources[pathname]
  if (!resource) return undefined
  const passed = await backend.authorize(request, { trace })
  if ('refusal' in passed) return toResponse(passed.refusal)
  await wait(Number(searchParams.get('delay') ?? 0), request.signal)
  const response = await resource(request, passed.claims, trace)
  for (const [name, value] of passed.headers) response.headers.set(name, value)
  response.headers.set('Cache-Control', 'no-store')
  return response
}

const resources: Readonly<
  Record<string, (request: Request, claims: Claims, trace: Trace) => Response | Promise<Response>>
> = {
  '/api/orders': (_request, claims) =>
    Response.json({
      customer: claims.sub,
      orders: [
        { id: 1, item: 'Tea' },
        { id: 2, item: 'Difference engine' },
      ],
    }),
  '/api/echo': echo,
  '/api/always-401': (_request, _claims, trace) => {
    trace.error = 'invalid_token'
    return toResponse(challenge(401, 'invalid_token', 'This resource refuses every token').reply)
  },
}

async function echo(request: Request): Promise<Response> {
  const bytes = new Uint8Array(await request.arrayBuffer())
  const { pathname, search } = new URL(request.url)
  const secret = ['authorization', 'cookie', 'x-refresh-token']
  return Response.json({
    method: request.method,
    path: pathname + search,
    contentType: request.headers.get('Content-Type'),
    length: bytes.length,
    sha256: Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex'),
    body: readText(bytes),
    headers: Object.fromEntries([...request.headers].filter(([name]) => !secret.includes(name))),
  })
}

/** The text, or `null` where the bytes are none. */
function readText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}

/** Waits, or less long if the client goes away. */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (!(ms > 0) || signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const timer = setTimeout(resolve, Math.min(ms, longestDelay))
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
