import { type Accessor, from } from 'solid-js'
import type { Auth, AuthState } from 'tokenflight'

export function toSignal(auth: Auth): Accessor<AuthState> {
  return from(set => auth.subscribe(() => set(auth.getState())), auth.getState())
}
