/**
 * A deterministic simulator of many tabs and one strictly rotating server. A scenario and its seed decide everything;
 * the same scenario always ends the same way. `simulate` reports each broken promise in `violations`.
 *
 * The impossible is not asked for: once a grant's answer is lost to its client (`losses`), a server without a
 * grace window may see a token twice. Then the session ends, once and in every tab.
 */
import { createDeeds, type Deeds } from '../support/tabs-deeds.js'
import type { Outcome, Page } from '../support/tabs-page.js'
import { DURATION, type Scenario } from '../support/tabs-scenario.js'
import { Stage } from '../support/tabs-stage.js'
import { install } from '../support/tabs-world.js'

export interface Report {
  readonly violations: readonly string[]
  readonly grants: number
  /** Answers given again within the grace window. */
  readonly repeats: number
  readonly reuses: number
  /** Grants whose answer no client could learn. */
  readonly losses: number
  /** How the application's requests ended. */
  readonly outcomes: Readonly<Record<string, number>>
  /** The status of each tab that lived to the end, and how often it was told that its session expired. */
  readonly ends: readonly { readonly status: string; readonly expired: number }[]
  readonly trace: readonly string[]
}

/** How long the world is left alone when the faults are over, milliseconds. */
const REST = 100_000

export async function simulate(scenario: Scenario): Promise<Report> {
  const stage = new Stage(scenario)
  const { world, server } = stage
  const deeds = createDeeds(stage)
  const remove = install(world, stage.globals(), scenario.seed)
  try {
    plot(stage, deeds)
    await world.advance(DURATION)
    await conclude(stage, deeds)
  } finally {
    remove()
  }
  const { grants, repeats, reuses, losses } = server
  const { outcomes } = deeds
  const ends = stage.live.map(page => ({ status: page.auth.getState().status, expired: expiries(page) }))
  return { violations: stage.violations, grants, repeats, reuses, losses, outcomes, ends, trace: world.trace }
}

/** Puts everything that will happen into the world's queue. */
function plot(stage: Stage, { strike }: Deeds): void {
  const { world, scenario } = stage
  const { tabs, steps = [], traps = [] } = scenario
  const end = world.now + DURATION
  // Tasks that the device has slept through do not happen.
  const during = (at: number, run: () => void): void =>
    world.browser(Math.min(at, DURATION), () => world.now <= end && run())
  const pick = (index: number): Page | undefined => stage.live[index % Math.max(1, stage.live.length)]
  for (let index = 0; index < tabs; index++) during(0, stage.open)
  during(500, () => strike('login', stage.pages[0], 0))
  for (const { at, deed, tab, duration } of steps) during(at, () => strike(deed, pick(tab), duration))
  for (let at = 4_000; at < DURATION; at += world.between(2_000, 9_000)) {
    during(at, () => strike('burst', pick(0), 0))
  }
  const seen: Record<string, number> = {}
  world.onMark((mark, tab) => {
    const name = mark.replace(/ (rt-|undefined).*/, '')
    seen[name] = (seen[name] ?? 0) + 1
    for (const { on, nth, deed, duration } of traps) {
      if (on !== name || nth !== seen[name] || world.now >= end) continue
      world.browser(0, () =>
        strike(
          deed,
          stage.pages.find(page => page.tab === tab),
          duration,
        ),
      )
    }
  })
}

interface End {
  readonly page: Page
  outcome?: Outcome
}

/** Faults are over: every tab wakes, and must come to the end that the server knows. */
async function conclude(stage: Stage, { connect, wake, wasBlocked }: Deeds): Promise<void> {
  const { world, server } = stage
  server.fates = {}
  connect()
  for (const page of stage.live) world.browser(0, () => wake(page))
  if (!stage.live.length) world.browser(0, stage.open)
  await world.advance(REST)
  const ends = stage.live.map(page => {
    const end: End = { page }
    world.task(0, page.tab, () => void page.request().then(outcome => Object.assign(end, { outcome })))
    return end
  })
  await world.advance(60_000)
  const isPromised = judgeServer(stage, wasBlocked)
  for (const end of ends) judgeEnd(stage, end, isPromised)
  for (const { tab, what } of stage.pending.values()) stage.violation(`${tab.id} never settled: ${what}`)
  const keepsTokens = (): boolean =>
    stage.truth === null && stage.stored.some(text => text.includes('refreshToken'))
  // The next page tells the server in place of one that has gone away in the middle of it. Without a channel no tab hears that
  // another has stored an older copy.
  if (keepsTokens() && (stage.leftTelling || !stage.hasChannel)) {
    world.browser(0, stage.open)
    await world.advance(REST)
  }
  if (keepsTokens()) {
    stage.violation('tokens remain in the storage after logout')
  }
  if (stage.channels.messages.some(text => /rt-\d/.test(text))) {
    stage.violation('a refresh token was on the channel')
  }
}

/** The events at the server. Returns whether the session must have survived it all. */
function judgeServer({ scenario, server, hasChannel, violation }: Stage, wasBlocked: boolean): boolean {
  const { storage, lock, grace, isLenient } = scenario
  const isStrict = lock !== 'none' && storage !== 'web without a database'
  // Without storage and without messages no tab can know which token is the last.
  const isPromised =
    !(wasBlocked && !hasChannel) && (grace > 0 || ((isStrict || !!isLenient) && !server.losses))
  const reuses = isPromised ? server.reuses : isStrict && !(wasBlocked && !hasChannel) ? server.unexcused : 0
  if (reuses) violation(`${reuses} refresh tokens were used twice`)
  if (isStrict && !grace && !server.losses) {
    for (const [token, times] of server.presented) {
      if (times > 1 && !server.owner(token)?.isOver) violation(`${token} was presented ${times} times`)
    }
  }
  return isPromised
}

/** Whether a tab has come to the end that the server knows. */
function judgeEnd(
  { world, server, truth, hasChannel, violation }: Stage,
  end: End,
  isPromised: boolean,
): void {
  const { page, outcome } = end
  const { tab, auth } = page
  const { status } = auth.getState()
  world.log(`ends as ${status}, ${outcome?.kind}`, tab)
  const expired = expiries(page)
  if (expired > server.families.length) violation(`${tab.id} expired ${expired} times`)
  if (!outcome || truth === undefined) return
  const isAlive = truth !== null && !truth.revoked
  // Without a channel a login elsewhere is seen with the next refresh, or when the page is opened again.
  if (!hasChannel && ['anonymous', 'signed out', 'expired'].includes(outcome.kind)) return
  if (isAlive && isPromised && !(outcome.kind === 'ok' && outcome.family === truth)) {
    violation(`${tab.id} lost a live session: ${status}, ${outcome.kind}`)
  }
  if (!isAlive && !['anonymous', 'expired'].includes(outcome.kind)) {
    violation(`${tab.id} goes on without a session: ${status}, ${outcome.kind}`)
  }
}

const expiries = ({ events }: Page): number => events.filter(name => name === 'sessionExpired').length
