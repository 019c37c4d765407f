/** An application with three clients of one session, for the tests of the devtools. */
import axios from 'axios'
import { createAuth, refreshRequest, webStorage } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { type DevtoolsOptions, mountDevtools } from 'tokenflight/devtools'
import { authFetch } from 'tokenflight/fetch'

const api = new URLSearchParams(location.search).get('api') ?? location.origin
const auth = createAuth({
  name: 'devtools',
  storage: webStorage(),
  refresh: refreshRequest({ url: `${api}/auth/refresh` }),
  retry: { limit: 2, delay: 20 },
})
const first = axios.create({ baseURL: api })
const second = axios.create({ baseURL: `${api}/api` })
const request = authFetch(auth, { allowedOrigins: [api] })
for (const instance of [first, second]) attachAuth(instance, auth)

const sends = [
  () => first.get('/api/orders?secret=query'),
  () => second.get('/orders'),
  () => request(`${api}/api/orders`),
]

export const page = {
  auth,
  mount: (options?: DevtoolsOptions) => mountDevtools(auth, options),
  async logIn(): Promise<void> {
    const { data } = await axios.post(`${api}/auth/login`, { username: 'ada', password: 'lovelace' })
    await auth.login(data)
  },
  /** Sends so many requests at once, over the three clients in turn. Gives the statuses; 0 where there was no answer. */
  burst(size: number): Promise<number[]> {
    const all = Array.from({ length: size }, (_, index) => sends[index % sends.length]?.())
    return Promise.all(
      all.map(sent =>
        Promise.resolve(sent)
          .then(answer => answer?.status ?? 0)
          .catch(() => 0),
      ),
    )
  },
  /** Many requests that no server sees. */
  async flood(size: number): Promise<void> {
    const quick = authFetch(auth, { allowedOrigins: [api], fetch: async () => new Response('{}') })
    for (let number = 0; number < size; number++) await quick(`${api}/api/items/${number}`)
  },
}

declare global {
  var app: typeof page
}
globalThis.app = page
