/** One application, before and after, in front of one server that counts. */
import type { AxiosInstance } from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import type { Auth, TokenResponse } from 'tokenflight'
import { mockAuth } from 'tokenflight/msw'
import { afterAll, afterEach, beforeAll, onTestFinished, vi } from 'vitest'
import { type Deferred, deferred } from '../support/axios.js'

export interface Application {
  readonly api: AxiosInstance
  logIn(tokens: TokenResponse): unknown
  readonly auth?: Auth
}

export const backend = mockAuth({ baseUrl: 'https://api.example.com/auth' })
/** Answers to `/slow` wait for it, after the server has looked at the token. */
let gate: Deferred<void>
const server = setupServer(
  ...backend.handlers,
  http.get('https://api.example.com/slow', async info => {
    const answer = await backend.protect(() => HttpResponse.json('slow'))(info)
    await gate.promise
    return answer as Response
  }),
  http.get(
    'https://api.example.com/:shelf',
    backend.protect(({ params }) => HttpResponse.json(params.shelf)),
  ),
)

export function useServer(): void {
  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
  afterEach(() => {
    backend.reset()
    localStorage.clear()
  })
  afterAll(() => server.close())
}

/** The application in a copy of its own, with ada logged in; `paths` counts the requests that reached the server. */
export async function start(load: () => Promise<Application>) {
  vi.resetModules()
  const toLogin = vi.spyOn(location, 'assign').mockReturnValue()
  const application = await load()
  if (application.auth) onTestFinished(application.auth.dispose)
  const tokens = await backend.issue('ada')
  await application.logIn(tokens)
  const paths: string[] = []
  const count = ({ request }: { request: Request }) => void paths.push(new URL(request.url).pathname)
  server.events.on('request:start', count)
  onTestFinished(() => server.events.removeListener('request:start', count))
  gate = deferred()
  return { ...application, tokens, paths, toLogin, open: () => gate.resolve() }
}

/** How each of so many requests at once ended: its status, or the code or name of its error. */
export async function burst(api: AxiosInstance, count = 5): Promise<unknown[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => outcome(api.get(`/shelf-${index}`))))
}

export async function outcome(answer: Promise<{ status: number }>): Promise<unknown> {
  try {
    return (await answer).status
  } catch (error) {
    const { response, code, message } = error as {
      response?: { status: number }
      code?: string
      message: string
    }
    return response?.status ?? code ?? message
  }
}

/** A request whose 401 arrives after another one's refresh is done. */
export async function lateRefusal({
  api,
  open,
}: {
  api: AxiosInstance
  open: () => void
}): Promise<unknown[]> {
  const slow = outcome(api.get('/slow'))
  await vi.waitFor(() => {
    if (!backend.stats.unauthorized) throw new Error('not there yet')
  }, 4_000)
  const quick = await outcome(api.get('/shelf'))
  open()
  return [quick, await slow]
}
