// @vitest-environment happy-dom
/** MirageJS, under axios's adapter for pages and under `fetch`. */
import { createServer, Response } from 'miragejs'
import { describe, onTestFinished } from 'vitest'
import { API } from '../support/axios.js'
import { tellServerStories, xhrClients } from './mock-servers.js'

describe('MirageJS', () => {
  tellServerStories(backend => {
    const server = createServer({
      urlPrefix: API,
      timing: 0,
      routes() {
        for (const path of ['/auth/refresh', '/orders/:id'])
          for (const method of ['get', 'post'] as const)
            this[method](path, (_, { url, requestHeaders }) => {
              const { pathname } = new URL(url)
              const header = requestHeaders['Authorization'] ?? requestHeaders['authorization']
              const { status, body } = backend.answer(pathname, header)
              return new Response(status, {}, body)
            })
      },
    })
    server.logging = false
    onTestFinished(() => server.shutdown())
  }, xhrClients)
})
