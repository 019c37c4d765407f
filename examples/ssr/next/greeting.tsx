'use client'
import { useAuth, useClaims } from 'tokenflight/react'

export function Greeting({ orders }: { orders: string[] }) {
  const { status } = useAuth()
  const name = useClaims((claims: { name: string }) => claims.name)
  if (status === 'loading') return <p>One moment…</p>
  return <p>{status === 'authenticated' ? `${name}: ${orders.join(', ')}` : 'Please log in'}</p>
}
