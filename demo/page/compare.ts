/** The same trouble, once by hand and once with tokenflight, and the result of each. */
import type { LogEntry } from '../server/log.js'
import type { CallResult } from './calls.js'
import { type ComparisonChart, createComparisonChart } from './compare-chart.js'
import type { Controls, Desk } from './controls.js'
import { find, onPress, setText } from './dom.js'
import { createHandSide, createOurSide, type Side } from './sides.js'

type Scenario = 'hiccup' | 'tabs' | 'expiry'

interface Result {
  readonly answered: number
  readonly lost: number
  /** 401s that the server gave. */
  readonly wire401: number
  readonly refreshes: number
  readonly isLoggedIn: boolean
}

const size = 40

/** The usual failures of code written by hand. */
const reasons: Readonly<Record<Scenario, string>> = {
  hiccup:
    'By hand, any failure of the refresh counts as the end of the session, and the whole queue is rejected.',
  tabs: 'By hand, both tabs send the same refresh token; the server takes the second for a thief and ends the session.',
  expiry: 'By hand, every token ends with 401s and a wait; refreshed ahead, no request waits.',
}

export function bindComparison(desk: Desk, controls: Controls): void {
  let drawing: { chart: ComparisonChart; hand: Side } | undefined
  /** The chart runs from its first use on. */
  const draw = () => {
    if (drawing) return drawing
    const host = find('versus-chart', HTMLElement)
    host.hidden = false
    const chart = createComparisonChart(host)
    drawing = { chart, hand: createHandSide(desk, chart) }
    return drawing
  }
  onPress('by-hand', async () => {
    const { hand } = draw()
    controls.note('10 requests by hand', 'through the interceptor with the queue')
    if (!hand.isLoggedIn()) await hand.logIn()
    await sendAll(hand, 10, 1)
  })
  const button = find('compare', HTMLButtonElement)
  onPress('compare', async () => {
    button.disabled = true
    setText(find('verdict-text', HTMLElement), 'Running…')
    const scenario = find('scenario', HTMLSelectElement).value as Scenario
    const { chart, hand } = draw()
    const ours = createOurSide(desk, chart, scenario === 'tabs')
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
      await hand.logIn()
      await backend.news()
      const results = await Promise.all([steadily(hand), steadily(ours)])
      const entries = await backend.news()
      return [judge(hand, results[0], entries), judge(ours, results[1], entries)]
    }
    const byHand = await measure(hand, desk, () => trouble(scenario, hand, desk, controls))
    return [byHand, await measure(ours, desk, () => trouble(scenario, ours, desk, controls))]
  } finally {
    await backend.configure({ accessTokenLifetime })
    if (ours.isLoggedIn()) await ours.logIn()
  }
}

async function trouble(scenario: Scenario, side: Side, { backend }: Desk, controls: Controls) {
  const name = side.name === 'byHand' ? 'by hand' : 'with tokenflight'
  const isTwice = scenario === 'tabs'
  if (!isTwice) await backend.failNext({ status: 503, times: 1 })
  await backend.expire()
  const reason = isTwice ? 'two tabs need a new one' : 'the next refresh fails'
  controls.note(`${size} requests ${name}`, `The access token was expired; ${reason}`)
  return sendAll(side, size, isTwice ? 2 : 1)
}

async function measure(
  side: Side,
  { backend }: Desk,
  act: () => Promise<readonly CallResult[]>,
): Promise<Result> {
  await side.logIn()
  await backend.news()
  return judge(side, await act(), await backend.news())
}

/** The answers that the application got, and the entries of that side in the server's log. */
function judge(side: Side, results: readonly CallResult[], entries: readonly LogEntry[]): Result {
  const answered = results.filter(({ outcome }) => outcome === 'answered').length
  const own = entries.filter(({ client }) => (client === 'hand') === (side.name === 'byHand'))
  return {
    answered,
    lost: results.length - answered,
    wire401: own.filter(({ path, status }) => status === 401 && path.startsWith('/api/')).length,
    refreshes: own.filter(({ path, status }) => status === 200 && path.endsWith('/refresh')).length,
    isLoggedIn: side.isLoggedIn(),
  }
}

function sendAll(side: Side, count: number, tabs: number): Promise<CallResult[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => side.send(index, tabs)))
}

async function steadily(side: Side): Promise<CallResult[]> {
  const sent: Promise<CallResult>[] = []
  for (let index = 0; index < size; index += 1) {
    sent.push(side.send(index, 1))
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  return Promise.all(sent)
}

type Row = readonly [row: string, value: (result: Result) => string, isBad?: (result: Result) => boolean]

const rows: readonly Row[] = [
  ['answered', result => String(result.answered), result => result.answered < size],
  ['lost', result => String(result.lost), result => result.lost > 0],
  ['wire401', result => String(result.wire401)],
  ['refreshes', result => String(result.refreshes)],
  ['ended', result => (result.isLoggedIn ? 'yes' : 'no'), result => !result.isLoggedIn],
]

function showVerdict(byHand: Result, tokenflight: Result, reason: string): void {
  for (const [row, value, isBad] of rows) {
    const cells = document.querySelectorAll<HTMLElement>(`#verdict [data-row="${row}"] td`)
    for (const [index, result] of [byHand, tokenflight].entries()) {
      const cell = cells[index]
      if (!cell) continue
      setText(cell, value(result))
      cell.dataset.tone = isBad === undefined ? '' : isBad(result) ? 'bad' : 'good'
    }
  }
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
