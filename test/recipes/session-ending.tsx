/** "Your session ends in 60 seconds", where the server's refresh tokens have an end that only a login moves. */
import { useEffect, useState } from 'react'
import type { Auth } from 'tokenflight'
import { useAuth } from 'tokenflight/react'

export function SessionEnding({ auth }: { auth: Auth }) {
  const { status } = useAuth()
  const [end, setEnd] = useState<number>()
  const [now, setNow] = useState(Date.now)
  useEffect(() => auth.on('sessionExpiring', ({ expiresAt }) => setEnd(expiresAt)), [auth])
  useEffect(() => auth.on('login', () => setEnd(undefined)), [auth])
  useEffect(() => {
    if (end === undefined) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [end])
  if (status !== 'authenticated' || end === undefined) return null
  return <p role="alert">Your session ends in {Math.max(0, Math.ceil((end - now) / 1_000))} seconds</p>
}
