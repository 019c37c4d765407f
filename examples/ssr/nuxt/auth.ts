import { type AuthState, cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { createAuthPlugin } from 'tokenflight/vue'
import { defineNuxtPlugin, useCookie, useState } from '#imports'

export default defineNuxtPlugin(async ({ vueApp }) => {
  const isServer = typeof window === 'undefined'
  // What the server showed travels to the browser with the page; it never holds a token.
  const shown = useState<AuthState>('auth', () => ({ status: 'loading' }))
  const auth = isServer
    ? createAuth()
    : createAuth({
        storage: cookieSession(),
        refresh: refreshRequest({
          url: '/auth/refresh',
          send: 'cookie',
          csrf: { cookie: 'csrf', header: 'X-CSRF-Token' },
        }),
        logout: ({ signal }) =>
          fetch('/auth/logout', {
            method: 'POST',
            headers: { 'X-CSRF-Token': /\bcsrf=([^;]+)/.exec(document.cookie)?.[1] ?? '' },
            keepalive: true,
            signal,
          }),
      })
  const accessToken = isServer && useCookie('access').value
  if (accessToken) {
    await auth.login({ accessToken })
    shown.value = auth.getState()
  }
  vueApp.use(createAuthPlugin(auth, { serverState: shown.value }))
  return { provide: { auth } }
})
