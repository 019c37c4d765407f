import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

export const api = axios.create({ baseURL: 'https://api.example.com' })
export const auth = createAuth({ refresh: refreshRequest({ url: 'https://api.example.com/auth/refresh' }) })
attachAuth(api, auth)

auth.on('sessionExpired', () => location.assign('/login'))
const { data } = await api.post('/auth/login', { username: 'ada', password: 'lovelace' })
await auth.login(data)
await api.get('/orders') // with a good token, now and in a week
