import { createAuth, refreshRequest } from 'tokenflight'

export const auth = createAuth({ refresh: refreshRequest({ url: 'https://api.example.com/auth/refresh' }) })
