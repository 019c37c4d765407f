import type { Auth } from 'tokenflight'

export function leadToLogin(auth: Auth, go: (path: string) => void): void {
  auth.on('sessionExpired', ({ reason }) => go(`/login?because=${reason}`))
  auth.on('logout', () => go('/login')) // here or in another tab
}
