/** One of the Node processes that share a session over Redis. Its parent controls it by messages. */
import axios from 'axios'
import { Redis } from 'ioredis'
import { type AuthOptions, isAuthError, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { createSharedAuth } from '../recipes/redis-session.js'

export interface Order {
  readonly id: number
  readonly what: 'login' | 'request' | 'status' | 'logout'
}

const { REDIS_PORT, SERVER_URL = '', LOCK_TTL } = process.env
const redis = new Redis({ port: Number(REDIS_PORT), host: '127.0.0.1', commandTimeout: 1_000 })
// It reports that on every attempt to connect again.
redis.on('error', () => {})
const refresh = refreshRequest({ url: `${SERVER_URL}/auth/refresh` })
const options: AuthOptions = {
  refresh(context) {
    process.send?.({ event: 'refreshing' })
    return refresh(context)
  },
}
const auth = createSharedAuth(redis, 'orders', options, Number(LOCK_TTL))
const api = axios.create({ baseURL: SERVER_URL })
attachAuth(api, auth)

const deeds: Record<Order['what'], () => Promise<string>> = {
  async login() {
    const credentials = { username: 'ada', password: 'lovelace' }
    const { data } = await api.post('/auth/login', credentials, { skipAuth: true })
    await auth.login(data)
    return 'done'
  },
  request: async () => String((await api.get('/api/orders')).status),
  status: async () => auth.getState().status,
  async logout() {
    await auth.logout()
    return 'done'
  },
}
process.on('message', ({ id, what }: Order) => {
  deeds[what]()
    .catch(error => (isAuthError(error) ? error.code : String(error)))
    .then(result => process.send?.({ id, result }))
})
process.on('disconnect', () => process.exit())
void auth.ready.then(() => process.send?.({ event: 'ready' }))
