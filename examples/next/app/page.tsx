import { Protected } from '../session/provider'
import { load } from '../session/server'
import { type Order, Orders } from './orders'

export default async function Page() {
  const { state, data } = await load<{ orders: Order[] }>('/api/orders')
  return (
    <Protected state={state}>
      <Orders orders={data?.orders} />
    </Protected>
  )
}
