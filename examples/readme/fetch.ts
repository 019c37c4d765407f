import { authFetch } from 'tokenflight/fetch'
import { auth } from './session.js'

export const api = authFetch(auth, { allowedOrigins: ['https://api.example.com'] })

const response = await api('https://api.example.com/orders')
export const orders = await response.json()
