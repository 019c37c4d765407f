import { useCallback, useEffect, useState } from 'react'
import { isSessionExpired } from 'tokenflight'
import { AuthProvider, useAuth } from 'tokenflight/react'
import { loadShelves, type Session, signIn } from '../shop/session.js'

/** The application under test. */
export function App({ session }: { session: Session }) {
  return (
    <AuthProvider auth={session.auth}>
      <Page session={session} />
    </AuthProvider>
  )
}

function Page({ session }: { session: Session }) {
  const { status, login } = useAuth()
  if (status === 'loading') return <p>One moment…</p>
  if (status === 'authenticated') return <Shelves session={session} />
  return (
    <>
      {status === 'expired' && <p role="alert">Your session has ended</p>}
      <button type="button" onClick={() => signIn(session).then(login)}>
        Sign in
      </button>
    </>
  )
}

function Shelves({ session }: { session: Session }) {
  const { refresh, logout } = useAuth()
  const [shelves, setShelves] = useState<string[]>()
  const [hasFailed, setFailed] = useState(false)
  const load = useCallback(async () => {
    setShelves(undefined)
    setFailed(false)
    try {
      setShelves(await loadShelves(session))
    } catch (error) {
      if (!isSessionExpired(error)) setFailed(true)
    }
  }, [session])
  useEffect(() => void load(), [load])

  if (hasFailed) {
    return (
      <>
        <p role="alert">The server cannot be reached</p>
        <button type="button" onClick={() => refresh().then(load, () => setFailed(true))}>
          Try again
        </button>
      </>
    )
  }
  return (
    <>
      <p>{shelves?.join(', ') ?? 'Loading…'}</p>
      <button type="button" onClick={load}>
        Reload
      </button>
      <button type="button" onClick={logout}>
        Sign out
      </button>
    </>
  )
}
