import axios from 'axios'
import { createAuthRefresh } from 'axios-auth-refresh'

const server = 'https://api.example.com'

export const api = axios.create({ baseURL: server })
export const tokens = { accessToken: '', refreshToken: '' }

api.interceptors.request.use(config => {
  if (tokens.accessToken) config.headers.Authorization = `Bearer ${tokens.accessToken}`
  return config
})

// `never`: its types are CommonJS only, and those of axios differ where the resolution is Node's.
createAuthRefresh(api as never, async () => {
  const { data } = await axios.post(`${server}/auth/refresh`, { refreshToken: tokens.refreshToken })
  Object.assign(tokens, data)
})

export const logIn = (answer: object): void => void Object.assign(tokens, answer)
