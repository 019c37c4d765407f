/** The interface between a preset and the session that it refreshes. */
import type { NameToken } from './read.js'
import type { Dpop, RefreshFunction, TokenResponse } from './types.js'

/** Marks the functions of presets, also of another copy of the package. */
const PRESET: unique symbol = Symbol.for('tokenflight.preset') as never

/** The parts of a session that change the request. */
export interface SessionMode {
  /** The refresh token is an HttpOnly cookie. */
  readonly isCookie?: boolean
  /** The access token is one, too, so an answer need not have any. */
  readonly nameToken?: NameToken | undefined
  readonly read?: ((answer: never) => TokenResponse) | undefined
  /** Adds a proof to the request. */
  readonly dpop?: Dpop | undefined
}

export interface Preset {
  /** Where its request goes. */
  readonly address: string
  /** The place of the refresh token that its options name; undefined: it follows the session. */
  readonly place: 'storage' | 'cookie' | undefined
  /** Needs no refresh token: it renews the access token itself. */
  readonly renewsAccess?: boolean
  /** The request for a session. */
  readonly adapt: (mode: SessionMode) => RefreshFunction
}

/** The refresh function of a preset. It is complete without a session, too. */
export function createPreset(preset: Preset): RefreshFunction {
  return mark(preset.adapt({}), preset)
}

/** Marks the function of a preset, so that the session knows about its request. */
export function mark<Send extends object, Kind extends { readonly address: string }>(
  send: Send,
  preset: Kind,
): Send {
  return Object.defineProperty(send, PRESET, { value: preset })
}

/** Undefined for a function of the application. */
export function presetOf(send: object | undefined): Preset | undefined {
  return (send as { [PRESET]?: Preset } | undefined)?.[PRESET]
}
