'use client'
import type { ReactNode } from 'react'
import { useAuth, useClaims } from 'tokenflight/react'

/** Shows the same on the server and in the browser. */
export function Header({ children }: { children: ReactNode }) {
  const { status, error, logout } = useAuth()
  const name = useClaims((claims: { name?: string; sub?: string }) => claims.name ?? claims.sub)
  if (status === 'authenticated') {
    return (
      <>
        <header>
          <span>{name}</span>
          <button type="button" onClick={logout}>
            Log out
          </button>
          {error && <p role="alert">The server cannot be reached. You are still logged in.</p>}
        </header>
        <main>{children}</main>
      </>
    )
  }
  if (status === 'anonymous' && error) return <p role="alert">The server cannot be reached.</p>
  return <p>One moment…</p>
}
