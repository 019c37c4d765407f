import { Navigate, Outlet, Route, Routes, useLocation } from 'react-router'
import { useAuth } from 'tokenflight/react'
import { Login } from './login.tsx'
import { Orders } from './orders.tsx'

export function App() {
  return (
    <Routes>
      <Route path="/login" element={<Login />} />
      <Route element={<Protected />}>
        <Route path="/" element={<Orders />} />
      </Route>
    </Routes>
  )
}

/** The pages inside need a login. Without one, and when the session ends, the login page appears. */
function Protected() {
  const { status } = useAuth()
  const from = useLocation()
  if (status === 'loading') return <main className="quiet">One moment…</main>
  if (status !== 'authenticated') return <Navigate to="/login" state={{ from }} replace />
  return <Outlet />
}
