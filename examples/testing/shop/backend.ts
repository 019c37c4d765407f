import { HttpResponse, http } from 'msw'
import { mockAuth } from 'tokenflight/msw'

/** The mock of the auth server, with the knobs that the tests turn. */
export const backend = mockAuth({ baseUrl: '/auth' })

/** Everything that the application calls: pass it to `setupServer` (Node) or `setupWorker` (browser). */
export const handlers = [
  ...backend.handlers,
  http.get(
    '/api/:shelf',
    backend.protect(({ params }, { sub }) => HttpResponse.json(`${params.shelf} of ${sub}`)),
  ),
]
