'use client'
import { useRouter } from 'next/navigation'
import { type FormEvent, useEffect, useState } from 'react'
import { AuthProvider, useAuth } from 'tokenflight/react'
import { openSession } from '../../session/browser'

export default function Page() {
  return (
    <AuthProvider auth={openSession()}>
      <LoginForm />
    </AuthProvider>
  )
}

function LoginForm() {
  const router = useRouter()
  const { status, login } = useAuth()
  const [problem, setProblem] = useState('')

  // After a login here or in another tab, and for a user whose session is alive.
  useEffect(() => {
    if (status === 'authenticated') router.replace('/')
  }, [status, router])

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const response = await fetch('/auth/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(Object.fromEntries(new FormData(event.currentTarget))),
    })
    if (response.ok) await login(await response.json())
    else setProblem('The user or the password is wrong.')
  }
  return (
    <form method="post" onSubmit={submit}>
      <h1>Log in</h1>
      {/* Nothing can be typed before the browser has taken the page over. */}
      <fieldset disabled={status === 'loading'}>
        <input name="username" aria-label="User" autoComplete="username" required />
        <input
          name="password"
          aria-label="Password"
          type="password"
          autoComplete="current-password"
          required
        />
        <button type="submit">Log in</button>
      </fieldset>
      {problem && <p role="alert">{problem}</p>}
    </form>
  )
}
