/** Which lanes there are, and how much room each needs. */
import { isByHand, type Mark, serverLane, tokenLane } from '../marks.js'

export interface Lane {
  readonly key: string
  readonly label: string
  /** A second, quieter line: whose lane it is. */
  readonly note: string
  readonly top: number
  readonly height: number
  /** Where its first row begins, from `top`. */
  readonly inset: number
  /** From one row to the next. */
  readonly pitch: number
}

export const controlLane = 'controls'
export const axisHeight = 24

/** With all rows of a burst in it, a lane should stay a lane. */
const tallestRows = 104
const pads = 6

const fixed: Readonly<Record<string, { label: string; note: string; height: number }>> = {
  [controlLane]: { label: 'You', note: 'what was pressed', height: 24 },
  [tokenLane]: { label: 'Tokens', note: 'access, refresh', height: 54 },
}

/**
 * @param marks those in view
 * @param tabs the tabs that are open, this one first
 * @param heading room for the label above the lane, where there is none beside it
 */
export function layLanes(marks: readonly Mark[], tabs: readonly string[], heading: number): Lane[] {
  const rows = new Map<string, number>()
  for (const { lane, row } of marks) rows.set(lane, Math.max(rows.get(lane) ?? 0, row + 1))
  const [own = ''] = tabs
  const keys = new Set([controlLane, tokenLane, serverLane])
  for (const panel of ['axios', 'react', 'vue']) keys.add(`${own}.${panel}`)
  for (const tab of tabs.slice(1)) keys.add(tab)
  // tokenflight's own before those by hand.
  const rest = [...rows.keys()].sort((one, other) => Number(isByHand(one)) - Number(isByHand(other)))
  for (const key of rest) keys.add(key)
  let top = axisHeight
  return [...keys].map(key => {
    const lines = Math.max(rows.get(key) ?? 0, 3)
    const pitch = Math.min(8, Math.max(1.6, tallestRows / lines))
    const { label, note, height } = fixed[key] ?? {
      ...nameOf(key, own),
      height: Math.ceil(lines * pitch) + 2 * pads,
    }
    const lane = { key, label, note, top, height: height + heading, inset: heading + pads, pitch }
    top += lane.height
    return lane
  })
}

/** How a lane, or a client of the log, is called in a sentence. */
export function spokenName(lane: string, own: string): string {
  const { label, note } = nameOf(lane, own)
  return note === '' ? label : `${label} (${note})`
}

const panels: Readonly<Record<string, string>> = {
  axios: 'axios',
  react: 'React',
  vue: 'Vue',
  twin: 'tokenflight',
  hand: 'By hand',
  hand2: 'By hand',
}

function nameOf(key: string, own: string): { label: string; note: string } {
  if (key === serverLane) return { label: 'Auth server', note: 'login, refresh' }
  const [tab = '', panel = ''] = key.split('.')
  const isSecond = panel === 'twin' || panel === 'hand2'
  if (isSecond) return { label: panels[panel] ?? panel, note: 'second tab' }
  if (panel === 'hand') return { label: 'By hand', note: 'no tokenflight' }
  const whose = tab === own ? 'this tab' : `tab ${tab.slice(1)}`
  const label = panels[panel]
  if (label) return { label, note: whose }
  return { label: `Tab ${tab.slice(1)}`, note: tab === own ? 'this tab' : 'all panels' }
}
