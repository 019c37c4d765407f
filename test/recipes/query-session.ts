/** Data that one user has loaded is not shown to the next. */
import type { QueryClient } from '@tanstack/react-query'
import type { Auth } from 'tokenflight'

export function forgetOnLogout(client: QueryClient, auth: Auth): void {
  for (const event of ['login', 'logout', 'sessionExpired'] as const)
    auth.on(event, () => void client.resetQueries())
}
