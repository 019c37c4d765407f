import axios, { type InternalAxiosRequestConfig } from 'axios'

const server = 'https://api.example.com'
const tokens = { accessToken: '', refreshToken: '' }
let isRefreshing = false
let queue: { resolve: () => void; reject: (error: unknown) => void }[] = []

export const api = axios.create({ baseURL: server })
export const logIn = (answer: object): void => void Object.assign(tokens, answer)

api.interceptors.request.use(config => {
  config.headers.Authorization = `Bearer ${tokens.accessToken}`
  return config
})
api.interceptors.response.use(undefined, async error => {
  const config = error.config as InternalAxiosRequestConfig & { retried?: boolean }
  if (error.response?.status !== 401 || config.retried) throw error
  config.retried = true
  if (isRefreshing) {
    await new Promise<void>((resolve, reject) => queue.push({ resolve, reject }))
    return api(config) // every interceptor a second time
  }
  isRefreshing = true
  try {
    const { data } = await axios.post(`${server}/auth/refresh`, { refreshToken: tokens.refreshToken })
    Object.assign(tokens, data)
    for (const { resolve } of queue) resolve()
    return await api(config)
  } catch (cause) {
    for (const { reject } of queue) reject(cause)
    location.assign('/login') // and a 503 has logged the user out
    throw cause
  } finally {
    isRefreshing = false
    queue = []
  }
})
