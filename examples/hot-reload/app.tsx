/** A page that uses the session and is replaced with it: React's fast refresh accepts the edit here. */
import { useState } from 'react'
import { AuthProvider, useAuth } from 'tokenflight/react'
import { api, auth } from './session.js'

export function App() {
  return (
    <AuthProvider auth={auth}>
      <Page />
    </AuthProvider>
  )
}

function Page() {
  const { status, claims, login } = useAuth()
  const [orders, setOrders] = useState(0)
  const logIn = async () => {
    const body = JSON.stringify({ username: 'ada', password: 'lovelace' })
    const answer = await fetch('/auth/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
    })
    await login(await answer.json())
  }
  const load = async () => {
    await api.get('/orders')
    setOrders(count => count + 1)
  }
  return (
    <>
      <p>
        {status} {claims?.sub}
      </p>
      <p>loaded {orders} times</p>
      <button type="button" onClick={logIn}>
        Log in
      </button>
      <button type="button" onClick={load}>
        Load
      </button>
    </>
  )
}
