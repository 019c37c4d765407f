/** A token answer beside the current grant: pure functions. */
import { describe, expect, it } from 'vitest'
import { createGrant, type Grant } from '../../src/core/grant.js'
import { isKnown, reconcile, restOfRefresh } from '../../src/core/reconcile.js'
import { EMPTY } from '../../src/core/record.js'
import type { TokenReading } from '../../src/core/tokens.js'
import { jwt } from '../support/core.js'
import { contextAt } from '../support/grant.js'

const NOW = 1_000_000_000
const END = NOW + 300_000
const issued = (ago: number): string => jwt({ iat: (NOW - ago) / 1_000, exp: (NOW - ago) / 1_000 + 300 })
const current = issued(0)
const older = issued(60_000)

const grantOf = (members: Partial<Grant> = {}): Grant => {
  const tokens = { accessToken: current, refreshToken: 'rt-1' }
  const record = { ...EMPTY, generation: 1, version: 1, savedAt: NOW, ...tokens, expiresAt: END }
  const grant = createGrant(record, contextAt(NOW))
  return Object.assign(grant, members)
}

const answer = (accessToken: string, refreshToken?: string): TokenReading => ({
  accessToken,
  refreshToken,
  lifetime: 300_000,
  refreshLifetime: undefined,
  scope: undefined,
  subject: undefined,
  warnings: [],
})

describe('an answer', () => {
  it.each([
    [current, 'rt-1', true],
    [current, undefined, true],
    [current, 'rt-2', false],
    [older, 'rt-1', false],
    [older, undefined, false],
  ])('with the tokens %s and %s has only those of the session: %s', (accessToken, refreshToken, expected) => {
    expect(isKnown(grantOf(), answer(accessToken, refreshToken))).toBe(expected)
  })

  it('is new where there is no session', () => {
    expect(isKnown(undefined, answer(current))).toBe(false)
  })
})

describe('an answer with an older access token', () => {
  it('replaces a dead token', () => {
    const reading = answer(older)
    expect(reconcile(grantOf(), reading, false, END)).toBe(reading)
    expect(() => reconcile(grantOf(), reading, false, END - 1)).toThrow(/is older than the present one$/)
  })

  it('is accepted with a refresh token that is new, and refused with the present one', () => {
    const reading = answer(older, 'rt-2')
    expect(reconcile(grantOf(), reading, false, NOW)).toBe(reading)
    expect(() => reconcile(grantOf(), answer(older, 'rt-1'), false, NOW)).toThrow(TypeError)
  })

  it('that comes late gives its refresh token alone, and the present token keeps its end', () => {
    const late = reconcile(grantOf(), answer(older, 'rt-2'), true, NOW + 1_000)
    expect(late).toEqual({ ...answer(current, 'rt-2'), lifetime: 299_000 })
  })

  it('that comes late gives the present token no end where that is unknown', () => {
    const grant = grantOf({ endsAt: Number.POSITIVE_INFINITY })
    expect(reconcile(grant, answer(older, 'rt-2'), true, NOW).lifetime).toBeUndefined()
  })
})

describe('the rest of a refresh token', () => {
  const grant = grantOf({ refreshEndsAt: NOW + 600_000 })

  it.each([
    [NOW, 600_000],
    [END + 1, 299_999],
    [NOW + 600_001, Number.POSITIVE_INFINITY],
  ])('that a server accepts at %i is %d', (now, expected) => {
    expect(restOfRefresh(grant, now)).toBe(expected)
  })

  it('is over where the access token outlives it', () => {
    const outlived = grantOf({ refreshEndsAt: NOW + 100_000 })
    expect(restOfRefresh(outlived, NOW + 200_000)).toBe(-100_000)
  })

  it('is unknown without a session', () => {
    expect(restOfRefresh(undefined, NOW)).toBe(Number.POSITIVE_INFINITY)
  })
})
