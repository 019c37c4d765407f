/** The agreement of a preset and the session that it refreshes. */
import type { Dpop, RefreshFunction, TokenResponse } from './types.js'

/** Marks the refresh functions of presets, also of another copy of the package. */
const PRESET: unique symbol = Symbol.for('tokenflight.preset') as never

/** The parts of a session that change the request. */
export interface SessionMode {
  /** The refresh token is an HttpOnly cookie. */
  readonly isCookie: boolean
  /** The access token is one, too, so an answer need not have any. */
  readonly isHidden: boolean
  readonly read: ((answer: never) => TokenResponse) | undefined
  /** Adds a proof to the request. */
  readonly dpop: Dpop | undefined
}

export interface Preset {
  /** Where its options say that the refresh token is; undefined: it follows the session. */
  readonly place: 'storage' | 'cookie' | undefined
  /** Needs no refresh token: it renews the access token itself. */
  readonly renewsAccess?: boolean
  /** The request for a session. */
  readonly adapt: (mode: SessionMode) => RefreshFunction
}

/** The refresh function of a preset. It is complete without a session, too. */
export function createPreset(preset: Preset): RefreshFunction {
  const mode = { isCookie: preset.place === 'cookie', isHidden: false, read: undefined, dpop: undefined }
  return Object.defineProperty(preset.adapt(mode), PRESET, { value: preset })
}

/** Undefined for a refresh function of the application. */
export function presetOf(refresh: RefreshFunction | undefined): Preset | undefined {
  return (refresh as { [PRESET]?: Preset } | undefined)?.[PRESET]
}
