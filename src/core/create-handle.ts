/** The handle of an engine, which the HTTP entries use. */
import { acquire, collect, doubtEndpoint, rejectGrant, restoreAgain } from './access.js'
import { warn } from './derive.js'
import type { Handle } from './handle.js'
import { warnOfPlainHttp } from './plain-http.js'
import { fly } from './refresh.js'
import type { Engine } from './state.js'
import type { TokenResponse } from './types.js'

/** The part of the engine that the HTTP entries use. */
export function createHandle(engine: Engine): Handle {
  const { settings, events } = engine
  return {
    settings,
    initialState: engine.initialState,
    session: () => engine.grant?.session,
    acquire: acquire.bind(null, engine),
    rejectGrant: rejectGrant.bind(null, engine),
    doubtEndpoint: doubtEndpoint.bind(null, engine),
    isUndecided: () => engine.isUndecided,
    restoreAgain: restoreAgain.bind(null, engine),
    serverRenews() {
      engine.serverRenews = true
    },
    current: () => engine.grant,
    isDisposed: () => engine.isDisposed,
    isExpired: grant => engine.clock() >= grant.endsAt,
    refreshWith: send =>
      fly(engine, 'expired', async context => {
        const answer = await send(context)
        // The next request goes first. A flight that is over uses no answer, and reports no failure.
        // Stryker disable next-line OptionalChaining: an error in a flight that is over is ignored
        if (!answer) engine.flight?.settle()
        return answer as TokenResponse
      }),
    collect: collect.bind(null, engine),
    isRefresh: signal => engine.isCalling || (!!signal && engine.signals.has(signal)),
    flightToken: () => engine.flight?.grant?.record.refreshToken,
    told: engine.logouts.refreshTokens,
    warn: warn.bind(null, engine),
    warnOfPlainHttp: warnOfPlainHttp.bind(null, engine),
    challenge: event => events.emitNow('challenge', event),
    nextRequestId: events.nextRequestId,
    report: event => events.emitNow('request', { ...event, at: settings.clock.now() }),
    expire() {
      if (engine.grant) engine.grant.endsAt = 0
      engine.publish()
    },
  }
}
