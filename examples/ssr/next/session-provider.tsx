'use client'
import { type ReactNode, useState } from 'react'
import { type Auth, type AuthState, cookieSession, createAuth, refreshRequest } from 'tokenflight'
import { AuthProvider } from 'tokenflight/react'

let browser: Auth | undefined

/** One session for the life of the page; on the server one per request, which sends no request. */
function openSession(): Auth {
  if (typeof window === 'undefined') return createAuth()
  browser ??= createAuth({
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
  return browser
}

export function SessionProvider({ state, children }: { state: AuthState; children: ReactNode }) {
  const [auth] = useState(openSession)
  return (
    <AuthProvider auth={auth} serverState={state}>
      {children}
    </AuthProvider>
  )
}
