import axios from 'axios'
import MockAdapter from 'axios-mock-adapter'
import { createAuth, isSessionExpired } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { afterEach, beforeEach, expect, it } from 'vitest'

const api = axios.create({ baseURL: 'https://api.example.com' })
const mock = new MockAdapter(api as never) // its types name another build of axios
const auth = createAuth({
  retry: 0,
  refresh: async ({ refreshToken, signal }) =>
    (await api.post('/auth/refresh', { refreshToken }, { signal })).data,
})
attachAuth(api, auth)

beforeEach(() => auth.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 }))
afterEach(() => mock.reset())

it('loads the orders although the token is refused at first', async () => {
  mock.onGet('/orders').replyOnce(401).onGet('/orders').reply(200, ['tea'])
  mock.onPost('/auth/refresh').reply(200, { access_token: 'at-2', refresh_token: 'rt-2', expires_in: 300 })
  expect((await api.get('/orders')).data).toEqual(['tea'])
})

it('leads to the login page when the session is over', async () => {
  mock.onGet('/orders').reply(401)
  mock.onPost('/auth/refresh').reply(401)
  expect(isSessionExpired(await api.get('/orders').catch(error => error))).toBe(true)
  expect(auth.getState().status).toBe('expired')
})
