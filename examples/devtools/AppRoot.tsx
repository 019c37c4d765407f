import { AuthDevtools, AuthProvider } from 'tokenflight/react'
import { auth } from './session.js'

export const AppRoot = () => (
  <AuthProvider auth={auth}>
    <main>Orders</main>
    <AuthDevtools />
  </AuthProvider>
)
