import { type Auth, cookieSession, createAuth, refreshRequest } from 'tokenflight'

function createSession(): Auth {
  return createAuth({
    // The cookie `csrf` lives as long as the session, so without it there is nothing to restore.
    storage: cookieSession({ exists: () => readCookie('csrf') !== '' }),
    refresh: refreshRequest({
      url: '/auth/refresh',
      csrf: { cookie: 'csrf', header: 'X-CSRF-Token' },
    }),
    // No script can delete an HttpOnly cookie, so the server does.
    logout: ({ signal }) =>
      fetch('/auth/logout', {
        method: 'POST',
        headers: { 'X-CSRF-Token': readCookie('csrf') },
        keepalive: true,
        signal,
      }),
  })
}

// In development an edit runs this module again. Vite hands `data` on, and `accept` prevents a reload of the page.
const kept: { auth?: Auth } = import.meta.hot?.data ?? {}
if (import.meta.hot) import.meta.hot.accept()

/** One session for the life of the page. For the browser only. */
export function openSession(): Auth {
  kept.auth ??= createSession()
  return kept.auth
}

function readCookie(name: string): string {
  const pair = document.cookie.split('; ').find(each => each.startsWith(`${name}=`))
  return decodeURIComponent(pair?.slice(name.length + 1) ?? '')
}
