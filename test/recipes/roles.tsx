/** Shows a part of the page to one role. For display only: the server decides about access. */
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
