'use client'
import { useRouter } from 'next/navigation'
import { type ReactNode, useEffect, useRef } from 'react'
import type { AuthState } from 'tokenflight'
import { AuthProvider, useAuth } from 'tokenflight/react'
import { openSession } from './browser'

interface Props {
  /** The state that the server rendered. It stays on the page until the session has been restored. */
  state: AuthState
  children: ReactNode
}

/** For pages that need a user. */
export function Protected({ state, children }: Props) {
  return (
    <AuthProvider auth={openSession()} serverState={state}>
      <Follow state={state} />
      {children}
    </AuthProvider>
  )
}

/** Moves on when the session does. */
function Follow({ state }: { state: AuthState }) {
  const router = useRouter()
  const { status, error, refresh } = useAuth()
  const asked = useRef(0)

  // The server had no good access token, and the browser has a session. A restore has brought a new cookie, so the server
  // is asked again. If it still has none, a refresh brings one. Then no more: the API accepts no token.
  const isAhead = state.status === 'loading' && status === 'authenticated'
  useEffect(() => {
    if (state.status === 'authenticated') asked.current = 0
    if (!isAhead || asked.current === 2) return
    asked.current += 1
    const askAgain = async () => {
      if (asked.current === 2) await refresh()
      router.refresh()
    }
    // The header shows the error.
    askAgain().catch(() => {})
  }, [isAhead, state, refresh, router])

  // There is no session, or no longer: it ended here or in another tab. With an `error` the server was not reached.
  const isOver = status === 'expired' || (status === 'anonymous' && !error)
  useEffect(() => {
    if (!isOver) return
    router.replace('/login')
    // Drops the pages that Next.js has kept for this user.
    router.refresh()
  }, [isOver, router])
  return null
}
