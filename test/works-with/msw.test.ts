/** msw, under axios's adapter for Node and under `fetch`. `mockAuth` has tests of its own. */
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { describe, onTestFinished } from 'vitest'
import { API } from '../support/axios.js'
import { tellServerStories } from './mock-servers.js'

describe('msw', () => {
  tellServerStories(backend => {
    const server = setupServer(
      http.all(`${API}/*`, ({ request }) => {
        const { pathname } = new URL(request.url)
        const { status, body } = backend.answer(pathname, request.headers.get('Authorization'))
        return HttpResponse.json(body, { status })
      }),
    )
    server.listen({ onUnhandledRequest: 'error' })
    onTestFinished(() => server.close())
  })
})
