/** One access token, its deadlines, and the tokens before it: pure functions. */
import { describe, expect, it } from 'vitest'
import { createGrant, prolong, remember } from '../../src/core/grant.js'
import { EMPTY, type SessionRecord } from '../../src/core/record.js'
import { contextAt } from '../support/grant.js'

const NOW = 1_000_000
const context = contextAt(NOW)
const record: SessionRecord = {
  ...EMPTY,
  generation: 1,
  version: 1,
  savedAt: NOW,
  accessToken: 'at-1',
  refreshToken: 'rt-1',
  lifetime: 300_000,
  expiresAt: NOW + 300_000,
  refreshExpiresAt: NOW + 600_000,
}
const later = (members: Partial<SessionRecord>): SessionRecord => ({ ...record, ...members })

describe('the tokens that a session has replaced', () => {
  it('begin with none', () => {
    expect([...remember(undefined, undefined)]).toEqual([])
    expect([...remember(undefined, 'a')]).toEqual(['a'])
    expect([...remember(new Set(['a']), undefined)]).toEqual(['a'])
  })

  it('are the last fifty', () => {
    let tokens: ReadonlySet<string> | undefined
    for (let number = 0; number < 60; number++) tokens = remember(tokens, `token-${number}`)
    expect([...(tokens ?? [])]).toEqual(Array.from({ length: 50 }, (_, index) => `token-${index + 10}`))
  })

  it('include a refresh token only once it has been replaced', () => {
    const previous = createGrant(record, context)
    const same = createGrant(later({ accessToken: 'at-2' }), { ...context, previous })
    expect([[...same.earlier], [...same.spent]]).toEqual([['at-1'], []])
    const rotated = createGrant(later({ accessToken: 'at-2', refreshToken: 'rt-2' }), {
      ...context,
      previous,
    })
    expect([[...rotated.earlier], [...rotated.spent]]).toEqual([['at-1'], ['rt-1']])
  })
})

describe('a record with the same access token', () => {
  const open = (members: object = {}) => Object.assign(createGrant(record, context), members)

  it('with the same ends changes no deadline, and forgets no attempt', () => {
    const grant = open({ renewalAttempted: true, noticeSent: true })
    const { timerAt } = grant
    expect(prolong(grant, later({ refreshToken: 'rt-2' }), { ...context, now: NOW + 1 })).toBe(false)
    expect(grant).toMatchObject({ timerAt, renewalAttempted: true, noticeSent: true })
    expect(grant.record.refreshToken).toBe('rt-2')
  })

  it.each<[string, Partial<SessionRecord>]>([
    ['access token', { expiresAt: NOW + 400_000 }],
    ['refresh token', { refreshExpiresAt: NOW + 700_000 }],
  ])('with another end of its %s moves the deadlines, and allows another attempt', (_, members) => {
    const grant = open({ renewalAttempted: true })
    prolong(grant, later(members), context)
    const { expiresAt = 0, refreshExpiresAt = 0 } = { ...record, ...members }
    expect(grant).toMatchObject({
      endsAt: expiresAt,
      refreshEndsAt: refreshExpiresAt,
      renewalAttempted: false,
    })
  })

  it.each([
    [999, true],
    [1_000, false],
    [-999, true],
    [-1_000, false],
  ])('whose session ends %i ms later was announced already: %s', (difference, isSent) => {
    const grant = open({ noticeSent: true })
    prolong(grant, later({ refreshExpiresAt: NOW + 600_000 + difference }), context)
    expect(grant.noticeSent).toBe(isSent)
  })

  it('announces nothing that was not announced before', () => {
    const grant = open()
    prolong(grant, later({ expiresAt: NOW + 400_000 }), context)
    expect(grant.noticeSent).toBe(false)
  })

  it('does not bring back a token that the server has rejected', () => {
    const grant = open({ isRejected: true, endsAt: NOW, attentionAt: NOW })
    expect(prolong(grant, later({ expiresAt: NOW + 400_000 }), context)).toBe(false)
    expect(grant).toMatchObject({ endsAt: NOW, attentionAt: NOW, statedEndsAt: NOW + 400_000 })
  })

  it('brings back a token that has ended', () => {
    const grant = open()
    const now = NOW + 300_000
    expect(prolong(grant, later({ expiresAt: now + 1 }), { ...context, now, wall: now })).toBe(true)
  })
})
