import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

const server = 'https://api.example.com'

export const api = axios.create({ baseURL: server })
export const auth = createAuth({ refresh: refreshRequest({ url: `${server}/auth/refresh` }) })
attachAuth(api, auth)
auth.on('sessionExpired', () => location.assign('/login'))

export const logIn = auth.login
