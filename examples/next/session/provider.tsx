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
  const { status, error, getAccessToken } = useAuth()
  const asked = useRef<string>(undefined)

  // The server had no access token, and the browser has a session: a refresh brings the cookie, then the server is
  // asked again. Once for each token, should the API accept none.
  const isAhead = state.status === 'loading' && status === 'authenticated'
  // biome-ignore lint/correctness/useExhaustiveDependencies: each answer of the server counts
  useEffect(() => {
    if (!isAhead) return
    const askAgain = async () => {
      const token = await getAccessToken()
      if (!token || token === asked.current) return
      asked.current = token
      router.refresh()
    }
    askAgain().catch(() => {})
  }, [isAhead, state, getAccessToken, router])

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
