/** Showing what a role may do. For display only: what a role may do, the server decides. */
import type { ReactNode } from 'react'
import type { JwtClaims } from 'tokenflight'
import { useClaims } from 'tokenflight/react'

interface MyClaims extends JwtClaims {
  roles?: string[]
}

export function ForRole({ name, children }: { name: string; children: ReactNode }) {
  const has = useClaims((claims: MyClaims) => claims.roles?.includes(name))
  return has ? children : null
}
