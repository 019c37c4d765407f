/** The knobs of the mock auth server over HTTP, for the demo page and for tests in a browser. */
import type {
  MockAuthChanges,
  MockAuthControls,
  MockFailure,
  MockKeyRotation,
} from '../../src/mock-server/types.js'
import { type AllowedOrigins, isAllowed } from './cors.js'
import type { RequestLog } from './log.js'

type Body = Readonly<Record<string, unknown>>

/**
 * Answers a request to `/admin/…`; `undefined` for any other path. Bodies are JSON objects.
 *
 * - `GET /admin/stats`: `{ stats, settings }`; each `POST` answers the same, after its change.
 * - `GET /admin/log?since=<id>`: `{ entries }`, oldest first.
 * - `POST /admin/expire`, `/admin/revoke`, `/admin/reset` (the log too): no body.
 * - `POST /admin/fail-next` (`MockFailure`), `/admin/delay` (`{ ms }`), `/admin/configure` (any setting),
 *   `/admin/rotate-keys` (`{ keep }`).
 *
 * A bad value is 400 and says which; a page of an origin that is not allowed gets 403.
 */
export async function answerAdmin(
  backend: MockAuthControls,
  log: RequestLog,
  request: Request,
  allowed: AllowedOrigins,
): Promise<Response | undefined> {
  const { pathname, searchParams } = new URL(request.url)
  if (!pathname.startsWith('/admin/')) return undefined
  if (!isAllowed(request, allowed)) return problem(403, 'This origin may not turn the knobs')
  const name = pathname.slice('/admin/'.length)
  if (request.method === 'GET' && name === 'stats') return state(backend)
  if (request.method === 'GET' && name === 'log') {
    return Response.json({ entries: log.since(Number(searchParams.get('since') ?? 0)) })
  }
  const knob = createKnobs(backend, log)[name]
  if (!knob) return problem(404, 'There is no such knob')
  if (request.method !== 'POST') return problem(405, 'Knobs are turned by POST')
  try {
    const text = await request.text()
    knob(text === '' ? {} : (JSON.parse(text) as Body))
  } catch (error) {
    return problem(400, error instanceof Error ? error.message : 'The body is no good')
  }
  await backend.settled()
  return state(backend)
}

function createKnobs(
  backend: MockAuthControls,
  log: RequestLog,
): Readonly<Record<string, (body: Body) => void>> {
  // The server checks its input and throws a TypeError that names the wrong value.
  return {
    __proto__: null as never,
    expire: () => backend.expireAccessTokens(),
    revoke: () => backend.revokeRefreshTokens(),
    reset: () => {
      backend.reset()
      log.clear()
    },
    'fail-next': body => backend.failNextRefresh(body as MockFailure),
    delay: body => backend.delayRefresh(body.ms as number),
    configure: body => backend.configure(body as MockAuthChanges),
    'rotate-keys': body => backend.rotateKeys(body as MockKeyRotation),
  }
}

function state({ stats, settings }: MockAuthControls): Response {
  return Response.json({ stats, settings })
}

function problem(status: number, description: string): Response {
  return Response.json({ error: 'invalid_request', error_description: description }, { status })
}
