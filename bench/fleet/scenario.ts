/** The day of a fleet. All times are in seconds. */

export interface Scenario {
  /** How many sessions are simulated. */
  readonly sessions: number
  readonly duration: number
  /** Lifetime of an access token. */
  readonly lifetime: number
  /** All users log in within so many seconds. */
  readonly loginsWithin: number
  /** The auth server is gone. */
  readonly outage?: { from: number; to: number }
  /** The mean time between two actions of a user: each asks for a token. */
  readonly actsEvery?: number
}

export const HOURS = 3_600
export const DURATION = 6 * HOURS
export const LIFETIME = 900
/** How long a refresh takes. */
export const LATENCY = 0.2
/** How far ahead of its end a token is refreshed by default. */
export const WINDOW = 60
/** A JWT without claims of its own: only time is simulated, and reading the token shall cost little. */
export const TOKEN = 'e30.e30.s'
