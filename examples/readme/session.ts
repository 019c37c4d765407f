import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

export const api = axios.create({ baseURL: 'https://api.example.com' })
export const auth = createAuth({ refresh: refreshRequest({ url: 'https://api.example.com/auth/refresh' }) })
attachAuth(api, auth)
auth.on('sessionExpired', () => location.assign('/login'))
