import type { Auth } from 'tokenflight'

/** React Native's `AppState`. */
export interface AppState {
  addEventListener(type: 'change', listener: (state: string) => void): { remove(): void }
}

/** Looks after the token when the application comes back, so that its first request need not wait. */
export function watchForeground(auth: Auth, appState: AppState): () => void {
  const subscription = appState.addEventListener('change', state => {
    if (state === 'active') void auth.getAccessToken().catch(() => {})
  })
  return () => subscription.remove()
}
