/** A session in Sentry: its events are breadcrumbs, and failures that need a developer are issues. */
import * as Sentry from '@sentry/browser'
import { type Auth, isAuthError, isSessionExpired } from 'tokenflight'

/** Call it once, after `Sentry.init`. Gives back the function that stops it. */
export function reportToSentry<Claims>(auth: Auth<Claims, never>): () => void {
  return auth.on('*', ({ type, ...event }) => {
    // Sentry records requests by itself, but does not know why one was sent twice.
    if ('phase' in event && event.phase !== 'rejected') return
    const isOdd = 'phase' in event || type === 'refreshFailed' || type === 'warning'
    const data = Object.fromEntries(Object.entries(event).filter(([, value]) => typeof value !== 'object'))
    Sentry.addBreadcrumb({ category: 'auth', message: type, level: isOdd ? 'warning' : 'info', data })
    if ('message' in event) Sentry.captureMessage(event.message, 'warning')
    // A server that is down comes back. A wrong address or a wrong client id stays wrong.
    if ('class' in event && event.class === 'misconfigured') Sentry.captureException(event.error)
  })
}

/** For `Sentry.init({ dsn, beforeSend })`: errors that reach it because no code caught them. */
export function beforeSend(event: Sentry.ErrorEvent, hint: Sentry.EventHint): Sentry.ErrorEvent | null {
  const error = hint.originalException
  if (!isAuthError(error)) return event
  // The user logs in again, or has logged out: no defect.
  if (isSessionExpired(error) || error.code === 'ERR_SIGNED_OUT') return null
  // One outage is one issue. The `cause` comes from the application and may hold tokens, so it is not sent.
  const values = event.exception?.values?.filter(({ type }) => type === error.name) ?? []
  return { ...event, fingerprint: ['tokenflight', error.code], exception: { values } }
}
