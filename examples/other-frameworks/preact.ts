import { useSyncExternalStore } from 'preact/compat'
import type { Auth, AuthState } from 'tokenflight'

export function useSession(auth: Auth): AuthState {
  return useSyncExternalStore(auth.subscribe, auth.getState)
}
