import { isAxiosError } from 'axios'
import { type FormEvent, useState } from 'react'
import { Navigate, useLocation } from 'react-router'
import { useAuth } from 'tokenflight/react'
import { signIn } from './session.ts'

export function Login() {
  const { status } = useAuth()
  const { from = '/' } = useLocation().state ?? {}
  const [problem, setProblem] = useState('')

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    try {
      setProblem('')
      await signIn(String(form.get('username')), String(form.get('password')))
    } catch (error) {
      const isWrong = isAxiosError(error) && error.response
      setProblem(isWrong ? 'The user or the password is wrong.' : 'The server cannot be reached.')
    }
  }

  if (status === 'authenticated') return <Navigate to={from} replace />
  return (
    <main className="narrow">
      <h1>Orders</h1>
      {status === 'expired' && <p role="alert">Your session has ended. Please log in again.</p>}
      <form className="card" onSubmit={submit}>
        <label>
          User
          <input name="username" autoComplete="username" defaultValue="ada" required />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete="current-password"
            defaultValue="lovelace"
            required
          />
        </label>
        <p role="alert">{problem}</p>
        <button className="primary" type="submit">
          Log in
        </button>
      </form>
    </main>
  )
}
