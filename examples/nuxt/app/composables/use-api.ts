import type { AuthState } from 'tokenflight'

/** `useFetch` with the session. Where the server has no good token, the browser asks, after a refresh. */
export function useApi<Data>(path: string) {
  const shown = useState<AuthState>('session')
  return useFetch<Data>(path, {
    $fetch: useNuxtApp().$api,
    server: shown.value.status === 'authenticated',
  })
}
