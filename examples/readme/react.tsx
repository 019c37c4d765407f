import { createRoot } from 'react-dom/client'
import { AuthProvider, useAuth, useClaims } from 'tokenflight/react'
import { logIn } from './login.js'
import { auth } from './session.js'

function Account() {
  const { status, logout } = useAuth() // renders only when the state changes
  const name = useClaims((claims: { name?: string }) => claims.name) // renders only when the name changes

  if (status === 'loading') return <p>One moment…</p>
  if (status !== 'authenticated') {
    return (
      <button type="button" onClick={() => logIn('ada', 'lovelace')}>
        {status === 'expired' ? 'Log in again' : 'Log in'}
      </button>
    )
  }
  return (
    <button type="button" onClick={logout}>
      {name ? `Log out, ${name}` : 'Log out'}
    </button>
  )
}

export const root = createRoot(document.getElementById('app') as HTMLElement)
root.render(
  <AuthProvider auth={auth}>
    <Account />
  </AuthProvider>,
)
