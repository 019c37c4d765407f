import { isAuthError } from 'tokenflight'
import { Greeting } from './greeting.js'
import { openSession } from './server-session.js'
import { SessionProvider } from './session-provider.js'

export default async function Page() {
  const { auth, api } = await openSession('https://api.example.com')
  let orders: string[] = []
  try {
    if (auth.getState().status === 'authenticated')
      orders = await (await api('https://api.example.com/orders')).json()
  } catch (error) {
    if (!isAuthError(error)) throw error
  }
  const state = auth.getState()
  return (
    // A session that is over here may go on in the browser, which has the refresh token.
    <SessionProvider state={state.status === 'authenticated' ? state : { status: 'loading' }}>
      <Greeting orders={orders} />
    </SessionProvider>
  )
}
