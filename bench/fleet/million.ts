/** A million sessions, one after the other: the SDK's own session draws each refresh, nothing here computes one. */
import { createCoolDown } from '../../src/core/cool-down.js'
import type { Events } from '../../src/core/events.js'
import { resolveOptions } from '../../src/core/options.js'
import { createSession } from '../../src/core/session.js'
import { spread } from '../../src/core/spread.js'
import { readAnswer } from '../../src/core/tokens.js'
import type { Vault } from '../../src/core/vault.js'
import { type Counter, createCounter } from './histogram.js'
import { LATENCY, type Scenario, TOKEN } from './scenario.js'

/** When each session refreshes that nothing disturbs, as the SDK plans it. */
export function simulateMillion(
  { sessions, duration, lifetime, loginsWithin }: Scenario,
  isSpread: boolean,
): Counter {
  const counter = createCounter(duration)
  const START = 1e12
  let now = START
  const clock = { now: () => now }
  const settings = resolveOptions({
    refresh: async () => answer,
    clock,
    ...(isSpread && { refreshAhead: spread() }),
  })
  const answer = { access_token: TOKEN, refresh_token: 'refresh', expires_in: lifetime }
  const reading = readAnswer(answer, now)
  const coolDown = createCoolDown(clock.now, clock.now)
  const host = {
    settings,
    clock: clock.now,
    events: { emit() {} } as unknown as Events,
    vault: {} as Vault,
    announce() {},
    ask: async () => false,
    flying: () => undefined,
    settle() {},
    abort() {},
    coolDown: () => coolDown,
  }
  for (let index = 0; index < sessions; index++) {
    now = START + Math.random() * loginsWithin * 1_000
    const session = createSession(host)
    session.begin(reading)
    for (;;) {
      const at = session.held?.timerAt ?? Number.POSITIVE_INFINITY
      const seconds = (at - START) / 1_000
      if (seconds >= duration) break
      counter.count(seconds)
      now = at + LATENCY * 1_000
      session.renew(reading)
    }
  }
  return counter
}
