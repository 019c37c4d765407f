import { createSubscriber } from 'svelte/reactivity'
import { type Readable, readable } from 'svelte/store'
import type { Auth, AuthState } from 'tokenflight'

/** For runes: `session.current` in a template, `$derived` and `$effect`. */
export function toRune(auth: Auth): { readonly current: AuthState } {
  const subscribe = createSubscriber(update => auth.subscribe(update))
  return {
    get current() {
      subscribe()
      return auth.getState()
    },
  }
}

/** For stores: `$session`. */
export function toStore(auth: Auth): Readable<AuthState> {
  return readable(auth.getState(), set => {
    set(auth.getState())
    return auth.subscribe(() => set(auth.getState()))
  })
}
