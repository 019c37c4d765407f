/** The same trouble, once by hand and once with tokenflight, and what came of each. */
import { createHandWritten, type HandWritten, type TokenBox } from './by-hand.js'
import { type Client, createClient } from './calls.js'
import type { Controls, Desk } from './controls.js'
import { find, onPress, setText } from './dom.js'
import type { Totals } from './journal.js'
import { createSession, type Session } from './session.js'

type Scenario = 'hiccup' | 'tabs' | 'expiry'
type Result = Pick<Totals, 'answered' | 'lost' | 'wire401' | 'refreshes'> & { readonly isLoggedIn: boolean }

/** One of the two sides: so many requests, from one tab or from two. */
interface Side {
  readonly name: 'byHand' | 'tokenflight'
  logIn(): Promise<void>
  send(index: number, tabs: number): Promise<unknown>
  isLoggedIn(): boolean
}

const size = 40
const account = ['ada', 'lovelace'] as const

/** What usually goes wrong by hand. */
const reasons: Readonly<Record<Scenario, string>> = {
  hiccup:
    'By hand, any failure of the refresh counts as the end of the session, and the whole queue is rejected.',
  tabs: 'By hand, both tabs send the same refresh token; the server takes the second for a thief and ends the session.',
  expiry: 'By hand, every token ends with 401s and a wait; refreshed ahead, nobody waits.',
}

export function bindComparison(desk: Desk, controls: Controls): void {
  const hand = createHandSide(desk)
  onPress('by-hand', async () => {
    controls.note('10 requests by hand', 'through the interceptor with the queue')
    if (!hand.isLoggedIn()) await hand.logIn()
    await sendAll(hand, 10, 1)
  })
  const button = find('compare', HTMLButtonElement)
  onPress('compare', async () => {
    button.disabled = true
    setText(find('verdict-text', HTMLElement), 'Running…')
    const scenario = find('scenario', HTMLSelectElement).value as Scenario
    const ours = createOurSide(desk, scenario === 'tabs')
    try {
      const [byHand, tokenflight] = await run(scenario, hand, ours, desk, controls)
      showVerdict(byHand, tokenflight, reasons[scenario])
    } catch (error) {
      setText(find('verdict-text', HTMLElement), `It could not be run: ${String(error)}`)
    } finally {
      ours.dispose()
      button.disabled = false
    }
  })
}

async function run(
  scenario: Scenario,
  hand: Side,
  ours: Side,
  desk: Desk,
  controls: Controls,
): Promise<readonly [Result, Result]> {
  const { backend } = desk
  const { accessTokenLifetime } = (await backend.state()).settings
  const isExpiry = scenario === 'expiry'
  // Long enough that nothing else is refreshed meanwhile, and takes the failure that was meant for another.
  await backend.configure({ accessTokenLifetime: isExpiry ? 6000 : 60_000 })
  try {
    await ours.logIn()
    if (isExpiry) {
      controls.note('Tokens of 6 s, 5 requests a second', 'both sides at once')
      return await Promise.all([
        measure(hand, desk, () => steadily(hand)),
        measure(ours, desk, () => steadily(ours)),
      ])
    }
    const byHand = await measure(hand, desk, () => trouble(scenario, hand, desk, controls))
    return [byHand, await measure(ours, desk, () => trouble(scenario, ours, desk, controls))]
  } finally {
    await backend.configure({ accessTokenLifetime })
    if (ours.isLoggedIn()) await ours.logIn()
  }
}

async function trouble(scenario: Scenario, side: Side, { backend }: Desk, controls: Controls): Promise<void> {
  const name = side.name === 'byHand' ? 'by hand' : 'with tokenflight'
  const isTwice = scenario === 'tabs'
  if (!isTwice) await backend.failNext({ status: 503, times: 1 })
  await backend.expire()
  controls.note(
    `${size} requests ${name}`,
    `The access token was expired; ${isTwice ? 'two tabs need a new one' : 'the next refresh fails'}`,
    'access',
  )
  await sendAll(side, size, isTwice ? 2 : 1)
}

async function measure(side: Side, { backend, journal }: Desk, act: () => Promise<unknown>): Promise<Result> {
  await side.logIn()
  journal.take(await backend.news())
  const before = { ...journal.totals[side.name] }
  await act()
  journal.take(await backend.news())
  const after = journal.totals[side.name]
  return {
    answered: after.answered - before.answered,
    lost: after.lost + after.signedOut - before.lost - before.signedOut,
    wire401: after.wire401 - before.wire401,
    refreshes: after.refreshes - before.refreshes,
    isLoggedIn: side.isLoggedIn(),
  }
}

function sendAll(side: Side, count: number, tabs: number): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, (_, index) => side.send(index, tabs)))
}

async function steadily(side: Side): Promise<void> {
  const sent: Promise<unknown>[] = []
  for (let index = 0; index < size; index += 1) {
    sent.push(side.send(index, 1))
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  await Promise.all(sent)
}

function createHandSide({ application, device, tabs }: Desk): Side {
  const tokens: TokenBox = { accessToken: undefined, refreshToken: undefined }
  const clientOf = (lane: string): [HandWritten, Client] => {
    const hand = createHandWritten(lane, device, tokens)
    return [hand, createClient(lane, hand.send, application.recorder, device)]
  }
  const [first, own] = clientOf(`${tabs.own}.hand`)
  const [, other] = clientOf(`${tabs.own}.hand2`)
  return {
    name: 'byHand',
    logIn: () => first.logIn(...account),
    send: (index, count) => (index % count === 0 ? own : other).send(),
    isLoggedIn: () => tokens.accessToken !== undefined,
  }
}

/** The page's own session; and a second `Auth` on the same storage, as another tab would have. */
function createOurSide({ application, device, tabs }: Desk, isTwice: boolean): Side & { dispose(): void } {
  const { session, clients, recorder } = application
  const lane = `${tabs.own}.twin`
  const twin = isTwice ? createSession(lane, session.mode, device) : undefined
  const other = twin && createClient(lane, twin.axios, recorder, device)
  const isLoggedIn = () => session.auth.getState().status === 'authenticated'
  const panels = [clients.axios, clients.react, clients.vue]
  return {
    name: 'tokenflight',
    isLoggedIn,
    async logIn() {
      await session.logIn(...account)
      if (twin) await loggedIn(twin)
    },
    send(index, count) {
      const client = index % count === 0 ? panels[(index / count) % panels.length] : other
      return (client ?? clients.axios).send()
    },
    dispose: () => twin?.dispose(),
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

function showVerdict(byHand: Result, tokenflight: Result, reason: string): void {
  const write = (row: string, value: (result: Result) => string, isBad?: (result: Result) => boolean) => {
    const cells = document.querySelectorAll<HTMLElement>(`#verdict [data-row="${row}"] td`)
    for (const [index, result] of [byHand, tokenflight].entries()) {
      const cell = cells[index]
      if (!cell) continue
      setText(cell, value(result))
      cell.dataset.tone = isBad === undefined ? '' : isBad(result) ? 'bad' : 'good'
    }
  }
  write(
    'answered',
    result => String(result.answered),
    result => result.answered < size,
  )
  write(
    'lost',
    result => String(result.lost),
    result => result.lost > 0,
  )
  write('wire401', result => String(result.wire401))
  write('refreshes', result => String(result.refreshes))
  write(
    'ended',
    result => (result.isLoggedIn ? 'yes' : 'no'),
    result => !result.isLoggedIn,
  )
  setText(
    find('verdict-text', HTMLElement),
    `By hand: ${inWords(byHand)}. With tokenflight: ${inWords(tokenflight)}. ${reason}`,
  )
}

function inWords({ answered, lost, wire401, isLoggedIn }: Result): string {
  const fate = isLoggedIn ? '' : ', and the user was logged out'
  if (lost > 0) return `${lost} of ${answered + lost} lost${fate}`
  return `all ${answered} answered, ${wire401 === 0 ? 'none' : wire401} of them after a 401${fate}`
}
