/** The application's client and its session: the only file that knows of tokens. */
import axios from 'axios'
import { createAuth, indexedDBStorage, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** The demo's server (`npm run demo` in the tokenflight repository), or your own. */
const server: string = import.meta.env['VITE_API'] ?? 'http://127.0.0.1:4310'

const api = axios.create({ baseURL: server })
export const auth = createAuth({
  // Survives a reload, and all tabs share one refresh.
  storage: indexedDBStorage(),
  refresh: refreshRequest({ url: `${server}/auth/refresh` }),
  logout: ({ accessToken, refreshToken, signal }) =>
    fetch(`${server}/auth/logout`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${accessToken}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ refreshToken }),
      keepalive: true,
      signal,
    }),
})
attachAuth(api, auth)

export async function signIn(username: string, password: string): Promise<void> {
  const { data } = await api.post('/auth/login', { username, password })
  await auth.login(data)
}

export interface Shop {
  name: string
  orders: { id: number; item: string }[]
}

/** Four requests at once: if their token has ended, they share one refresh, and the page does not notice it. */
export function loadShops(signal?: AbortSignal): Promise<Shop[]> {
  return Promise.all(
    ['London', 'Paris', 'Berlin', 'Oslo'].map(async name => {
      const { data } = await api.get('/api/orders', { params: { shop: name }, signal })
      return { name, orders: data.orders }
    }),
  )
}
