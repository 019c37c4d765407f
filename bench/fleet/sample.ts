/** Some thousand whole `Auth`s on a virtual clock: schedule, retries and cool-down as they are. */
import { type AuthOptions, createAuth, spread } from '../../src/index.js'
import { installVirtualTime } from '../lib/virtual-time.js'
import { type Counter, createCounter } from './histogram.js'
import { LATENCY, type Scenario, TOKEN } from './scenario.js'

/** Sessions at a time, for the sake of memory. */
const BATCH = 2_000
const ignore = (): void => {}

export interface Sampled {
  /** Refreshes that succeeded. */
  readonly granted: Counter
  /** All calls, those included that failed. */
  readonly asked: Counter
  /** How long a user waited for a token that had died in the outage, once the server was back, seconds. */
  readonly waits: number[]
  /** Actions after the outage that failed, because a cool-down was still running. */
  refusedAfter: number
}

export async function simulateSample(scenario: Scenario, isSpread: boolean): Promise<Sampled> {
  const { sessions, duration, lifetime, loginsWithin, outage, actsEvery } = scenario
  const sampled: Sampled = {
    granted: createCounter(duration),
    asked: createCounter(duration),
    waits: [],
    refusedAfter: 0,
  }
  const START = 1e12
  for (let done = 0; done < sessions; done += BATCH) {
    const time = installVirtualTime(START)
    const seconds = (): number => (time.now() - START) / 1_000
    const isDown = (): boolean => !!outage && seconds() >= outage.from && seconds() < outage.to
    let issued = 0
    // Each answer has a token of its own: a dead token that comes again is renewed again.
    const tokens = () => ({
      access_token: `${TOKEN}${++issued}`,
      refresh_token: `refresh${issued}`,
      expires_in: lifetime,
    })
    const options: AuthOptions = {
      ...(isSpread && { refreshAhead: spread() }),
      // There is no page here; all users are at work.
      autoRefresh: 'always',
      async refresh() {
        sampled.asked.count(seconds())
        if (isDown()) throw new TypeError('fetch failed')
        sampled.granted.count(seconds())
        await time.pause(LATENCY * 1_000)
        return tokens()
      },
    }
    for (let index = done; index < Math.min(sessions, done + BATCH); index++) {
      setTimeout(
        () => {
          const auth = createAuth(options)
          auth.login(tokens()).catch(ignore)
          if (!actsEvery || !outage) return
          // The actions of users matter where tokens have ended.
          const act = (): void => {
            const began = seconds()
            if (began > outage.to + 600) return
            auth.getAccessToken().then(
              () => began >= outage.to && seconds() > began && sampled.waits.push(seconds() - began),
              () => began >= outage.to && sampled.refusedAfter++,
            )
            setTimeout(act, -Math.log(Math.random()) * actsEvery * 1_000)
          }
          setTimeout(act, outage.from * 1_000 - (time.now() - START) + Math.random() * actsEvery * 1_000)
        },
        Math.random() * loginsWithin * 1_000,
      )
    }
    await time.run(START + duration * 1_000)
    time.restore()
  }
  return sampled
}
