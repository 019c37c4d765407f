import axios from 'axios'
import { applyAuthTokenInterceptor, clearAuthTokens, setAuthTokens } from 'axios-jwt'

const server = 'https://api.example.com'

export const api = axios.create({ baseURL: server })
// `never`: its types are CommonJS only, and those of axios differ where the resolution is Node's.
applyAuthTokenInterceptor(api as never, {
  async requestRefresh(token) {
    const { data } = await axios.post(`${server}/auth/refresh`, { refreshToken: token })
    return { accessToken: data.accessToken, refreshToken: data.refreshToken }
  },
})

export const logIn = setAuthTokens
export const logOut = clearAuthTokens
