// @vitest-environment happy-dom
import axios from 'axios'
import { createServer, Response } from 'miragejs'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { expect, it, onTestFinished } from 'vitest'

it('loads the orders although the token is refused at first', async () => {
  const server = createServer({
    urlPrefix: 'https://api.example.com',
    timing: 0,
    routes() {
      this.post('/auth/refresh', () => ({ access_token: 'at-2', refresh_token: 'rt-2', expires_in: 300 }))
      this.get('/orders', (_, { requestHeaders }) =>
        requestHeaders['Authorization'] === 'Bearer at-2' ? ['tea'] : new Response(401),
      )
    },
  })
  server.logging = false
  onTestFinished(() => server.shutdown())

  const auth = createAuth({
    refresh: refreshRequest({ url: 'https://api.example.com/auth/refresh' }),
    retry: 0,
  })
  onTestFinished(() => auth.dispose())
  const api = axios.create({ baseURL: 'https://api.example.com', adapter: 'xhr' })
  attachAuth(api, auth)
  await auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })

  expect((await api.get('/orders')).data).toEqual(['tea'])
})
