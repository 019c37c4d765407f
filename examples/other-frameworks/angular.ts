import { DestroyRef, inject, type Signal, signal } from '@angular/core'
import type { Auth, AuthState } from 'tokenflight'

/** For a field of a component or a service: the subscription ends with it. */
export function toSignal(auth: Auth): Signal<AuthState> {
  const state = signal(auth.getState())
  inject(DestroyRef).onDestroy(auth.subscribe(() => state.set(auth.getState())))
  return state.asReadonly()
}
