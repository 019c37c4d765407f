'use client'
import Link from 'next/link'
import { useState } from 'react'
import { isAuthError } from 'tokenflight'
import { api } from '../session/browser'
import { Header } from './header'

export interface Order {
  id: number
  item: string
}

export function Orders({ orders }: { orders?: Order[] | undefined }) {
  const [loaded, setLoaded] = useState<Order[]>()
  const [count, setCount] = useState(0)
  const loadAgain = async () => {
    try {
      const { data } = await api.get<{ orders: Order[] }>('/orders')
      setLoaded(data.orders)
      setCount(before => before + 1)
    } catch (error) {
      // The header and the provider show the state of the session.
      if (!isAuthError(error)) throw error
    }
  }
  const shown = loaded ?? orders
  return (
    <Header>
      <h1>Orders</h1>
      {shown ? <p>{shown.map(({ item }) => item).join(', ')}</p> : <p>Loading…</p>}
      <button type="button" onClick={loadAgain}>
        Load again
      </button>
      <p>Loaded {count} times</p>
      <Link href="/account">Account</Link>
    </Header>
  )
}
