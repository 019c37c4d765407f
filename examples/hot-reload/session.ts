/// <reference types="vite/client" />

import axios from 'axios'
import { type Auth, createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

function openSession(): Auth {
  const auth = createAuth({ refresh: refreshRequest({ url: '/auth/refresh' }) })
  // Listeners belong in here. Outside, each edit would add another one.
  auth.on('sessionExpired', () => console.info('Please log in again.'))
  return auth
}

// Vite hands `data` on to the next version of this module. A production build has no `hot`.
export const auth: Auth = import.meta.hot?.data.auth ?? openSession()
if (import.meta.hot) import.meta.hot.data.auth = auth

export const api = axios.create({ baseURL: '/api' })
attachAuth(api, auth)
