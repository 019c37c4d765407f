/** React Router: pages that need a login, a login page that leads back, also when a session has ended meanwhile. */
import { Navigate, Outlet, useLocation } from 'react-router'
import type { TokenResponse } from 'tokenflight'
import { useAuth } from 'tokenflight/react'

export function Protected() {
  const { status } = useAuth()
  const from = useLocation()
  if (status === 'loading') return <p>One moment…</p>
  if (status !== 'authenticated') return <Navigate to="/login" state={{ from }} replace />
  return <Outlet />
}

export function LoginPage({ enter }: { enter: () => Promise<TokenResponse> }) {
  const { status, login } = useAuth()
  const { from = '/' } = useLocation().state ?? {}
  if (status === 'authenticated') return <Navigate to={from} replace />
  return (
    <>
      {status === 'expired' && <p>Your session has ended. Please log in again.</p>}
      <button type="button" onClick={async () => login(await enter())}>
        Log in
      </button>
    </>
  )
}
