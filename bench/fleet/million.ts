/** A million sessions, one after the other: the SDK's own grants draw each refresh, nothing here computes one. */
import { createGrant, type Grant } from '../../src/core/grant.js'
import { resolveOptions } from '../../src/core/options.js'
import { EMPTY, generationAfter, type SessionRecord } from '../../src/core/record.js'
import { spread } from '../../src/core/spread.js'
import { toRecord } from '../../src/core/to-record.js'
import { readAnswer } from '../../src/core/tokens.js'
import { type Counter, createCounter } from './histogram.js'
import { LATENCY, type Scenario, TOKEN } from './scenario.js'

/** When each session refreshes that nothing disturbs, as the SDK plans it. */
export function simulateMillion(
  { sessions, duration, lifetime, loginsWithin }: Scenario,
  isSpread: boolean,
): Counter {
  const counter = createCounter(duration)
  const START = 1e12
  const { window, spread: phases } = resolveOptions(isSpread ? { refreshAhead: spread() } : {})
  const answer = { access_token: TOKEN, refresh_token: 'refresh', expires_in: lifetime }
  const reading = readAnswer(answer, START)
  const arrive = (now: number, base: SessionRecord, previous?: Grant): Grant => {
    const generation = previous ? base.generation : generationAfter(EMPTY, now)
    const remaining = Number.POSITIVE_INFINITY
    const record = toRecord(reading, { generation, base, remaining, savedAt: now, cookie: false })
    const context = { now, wall: now, isRenewable: true, fromRejection: false }
    return createGrant(record, { ...context, window, spread: phases, previous })
  }
  for (let index = 0; index < sessions; index++) {
    let grant = arrive(START + Math.random() * loginsWithin * 1_000, EMPTY)
    for (;;) {
      const seconds = (grant.timerAt - START) / 1_000
      if (seconds >= duration) break
      counter.count(seconds)
      grant = arrive(grant.timerAt + LATENCY * 1_000, grant.record, grant)
    }
  }
  return counter
}
