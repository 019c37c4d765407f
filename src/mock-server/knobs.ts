/** The controls of a test: each changes the world at once, even while requests are in progress. */
import { checkDuration, checkFailure, completeSettings, oneOf } from './options.js'
import type { MockAuthControls, MockAuthStats } from './types.js'
import type { World } from './world.js'

/** The knobs, on the world that is present when one is turned; `changed` is called where the store is concerned. */
export function createKnobs(
  present: () => World,
  changed: () => void,
): Pick<
  MockAuthControls,
  | 'configure'
  | 'expireAccessTokens'
  | 'revokeRefreshTokens'
  | 'rotateKeys'
  | 'failNextRefresh'
  | 'delayRefresh'
> {
  return {
    configure(changes) {
      const world = present()
      world.settings = completeSettings(world.settings, changes)
    },
    expireAccessTokens() {
      for (const { accessTokens } of Object.values(present().state.sessions)) {
        for (const id of Object.keys(accessTokens)) accessTokens[id] = 0
      }
      changed()
    },
    revokeRefreshTokens() {
      for (const token of Object.values(present().state.refreshTokens)) token.status = 'revoked'
      changed()
    },
    rotateKeys({ keep = 'refresh' } = {}) {
      oneOf('keep', ['refresh', 'all', 'none'], keep)
      present().keys.rotate(keep)
      changed()
    },
    failNextRefresh(failure = {}) {
      checkFailure(failure)
      present().faults.fail(failure)
    },
    delayRefresh(ms) {
      checkDuration('delayRefresh', ms)
      present().faults.delay(ms)
    },
  }
}

/** A frozen object whose members read the counters of the present world. */
export function liveStats(present: () => World): MockAuthStats {
  const view = {}
  for (const name of Object.keys(present().counters) as Array<keyof MockAuthStats>) {
    Object.defineProperty(view, name, { enumerable: true, get: () => present().counters[name] })
  }
  return Object.freeze(view) as MockAuthStats
}
