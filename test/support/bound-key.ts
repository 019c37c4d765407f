/** A stub of the key that tokens are bound to. */
import type { Dpop } from 'tokenflight'

/** A key whose proofs are numbered, and that learns no nonce. */
export function createKey(members: Partial<Dpop> = {}): Dpop {
  let proofs = 0
  return {
    fetch: (input, init, send = fetch) => send(input, init),
    proof: async () => `proof-${++proofs}`,
    learn: () => false,
    open() {},
    use: () => undefined,
    forget() {},
    ...members,
  }
}
