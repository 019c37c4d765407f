import { createRoot } from 'react-dom/client'
import type { JwtClaims } from 'tokenflight'
import { AuthProvider, useAuth, useClaims } from 'tokenflight/react'
import { api, auth } from './session.js'

interface MyClaims extends JwtClaims {
  name: string
}

function Account() {
  const { status, login, logout } = useAuth() // renders only when the state changes
  const name = useClaims((claims: MyClaims) => claims.name) // renders only when the name changes
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
