/** The two sides of the comparison: so many requests, from one tab or from two. */
import { createHandWritten, type TokenBox } from './by-hand.js'
import { type CallResult, createClient } from './calls.js'
import type { ComparisonChart } from './compare-chart.js'
import type { Desk } from './controls.js'
import { createSession, type Session } from './session.js'

export interface Side {
  readonly name: 'byHand' | 'tokenflight'
  logIn(): Promise<void>
  send(index: number, tabs: number): Promise<CallResult>
  isLoggedIn(): boolean
}

const account = ['ada', 'lovelace'] as const

export function createHandSide({ device }: Desk, chart: ComparisonChart): Side {
  const tokens: TokenBox = { accessToken: undefined, refreshToken: undefined }
  const tabs = ['by-hand', 'by-hand second-tab'].map(lane => {
    const hand = createHandWritten(tokens, chart.adapter(lane))
    const transport = async (path: string) => {
      const call = chart.nextCall()
      return hand.send(path, call).finally(() => chart.endCall(call, lane))
    }
    return { hand, client: createClient(transport, device) }
  })
  const [first] = tabs
  return {
    name: 'byHand',
    logIn: async () => first?.hand.logIn(...account),
    send: async (index, count) => (tabs[index % count] ?? tabs[0])?.client.send() as Promise<CallResult>,
    isLoggedIn: () => tokens.accessToken !== undefined,
  }
}

/** The page's own session; and a second `Auth` on the same storage, as another tab would have. */
export function createOurSide(
  { application, device }: Desk,
  chart: ComparisonChart,
  isTwice: boolean,
): Side & { dispose(): void } {
  const { session, clients } = application
  const twin = isTwice ? createSession(session.mode, device) : undefined
  const other = twin && createClient(twin.axios, device)
  const panels = [clients.axios, clients.react, clients.vue]
  const stops = [chart.follow(session.auth, 'tokenflight')]
  if (twin) stops.push(chart.follow(twin.auth, 'tokenflight second-tab'))
  return {
    name: 'tokenflight',
    isLoggedIn: () => session.auth.getState().status === 'authenticated',
    async logIn() {
      await session.logIn(...account)
      if (twin) await loggedIn(twin)
    },
    send(index, count) {
      const client = index % count === 0 ? panels[(index / count) % panels.length] : other
      return (client ?? clients.axios).send()
    },
    dispose() {
      for (const stop of stops) stop()
      twin?.dispose()
    },
  }
}

/** A tab hears of a login elsewhere in its own time. */
function loggedIn({ auth }: Session): Promise<void> {
  return new Promise(resolve => {
    const check = () => auth.getState().status === 'authenticated' && resolve()
    auth.subscribe(check)
    check()
  })
}
