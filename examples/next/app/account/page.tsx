import Link from 'next/link'
import { Protected } from '../../session/provider'
import { load } from '../../session/server'
import { Header } from '../header'

export default async function Page() {
  const { state, data } = await load<{ username: string }>('/auth/me')
  return (
    <Protected state={state}>
      <Header>
        <h1>Account</h1>
        <p>{data ? `Your user name is ${data.username}.` : 'Loading…'}</p>
        <Link href="/">Orders</Link>
      </Header>
    </Protected>
  )
}
