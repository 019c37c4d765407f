import { createRoot } from 'react-dom/client'
import type { JwtClaims } from 'tokenflight'
import { AuthProvider, useAuth, useClaims } from 'tokenflight/react'
import { api, auth } from './session.js'

interface MyClaims extends JwtClaims {
  name: string
}

function Account() {
  const { status, login, logout } = useAuth() // renders when the state changed, never else; the functions are stable
  const name = useClaims((claims: MyClaims) => claims.name) // renders when the name changed
  const enter = async () =>
    login((await api.post('/auth/login', { username: 'ada', password: 'lovelace' })).data)

  if (status === 'loading') return <p>One moment…</p>
  const isIn = status === 'authenticated'
  return (
    <button type="button" onClick={isIn ? logout : enter}>
      {isIn ? `Log out, ${name}` : status === 'expired' ? 'Log in again' : 'Log in'}
    </button>
  )
}

export const root = createRoot(document.body)
root.render(
  <AuthProvider auth={auth}>
    <Account />
  </AuthProvider>,
)
