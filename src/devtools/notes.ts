/** The notes of the devtools on a session: plain data without a token, a body or a query, so other tabs may receive them. */
import type { AuthEvent, AuthState, RequestEvent } from '../core/types.js'

/** One step of a request. */
export interface RequestNote extends Omit<RequestEvent, 'type'> {
  readonly kind: 'request'
}

/** The deadlines of the tokens of a session. Instants are epoch milliseconds of the device's own clock. */
export interface StateNote {
  readonly kind: 'state'
  readonly at: number
  readonly status: AuthState['status']
  readonly isRefreshing: boolean
  /** When the access token arrived, or the mounting of the devtools if that was later. */
  readonly since?: number | undefined
  readonly expiresAt?: number | undefined
  readonly sessionExpiresAt?: number | undefined
  /** When the window begins in which the access token is refreshed ahead. */
  readonly windowAt?: number | undefined
}

/** An event of the session. */
export interface EventNote {
  readonly kind: 'event'
  readonly at: number
  readonly type: string
  /** The other members of the event, as far as they are numbers or short texts. */
  readonly members: Readonly<Record<string, string | number>>
}

/** A control of the devtools that was used, or a mark that the application set. */
export interface ControlNote {
  readonly kind: 'control'
  readonly at: number
  readonly title: string
  readonly detail: string
  /** The token that ended with it. */
  readonly cuts?: 'access' | undefined
}

export type Note = RequestNote | StateNote | EventNote | ControlNote

const longestText = 300

/** The event as a note. Of an error in it, its message if it is one of tokenflight's own, else its name alone. */
export function noteOf(
  { type, ...event }: Exclude<AuthEvent, RequestEvent>,
  at: number,
  skew: number,
): EventNote {
  const members: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(event)) {
    if (typeof value === 'number') members[name] = /At$/.test(name) ? value - skew : value
    else if (value instanceof Error) members[name] = redact('code' in value ? value.message : value.name)
    else if (value !== undefined) members[name] = redact(String(value))
  }
  return { kind: 'event', at, type, members }
}

/** The text without the query of a URL in it and without words that are longer than a UUID, which may be secrets. */
export function redact(text: string): string {
  return text
    .slice(0, longestText)
    .split(' ')
    .map(word =>
      word
        .split('?', 1)
        .join()
        .split('/')
        .map(part => (part.length > 36 ? '…' : part))
        .join('/'),
    )
    .join(' ')
}
