/** The lanes, and the height of each. */
import { eventLane, type Mark, refreshLane, tokenLane } from './marks.js'
import type { Peer } from './peers.js'

export interface Lane {
  readonly key: string
  readonly label: string
  /** A second, less prominent line: the owner of the lane. */
  readonly note: string
  readonly top: number
  readonly height: number
  /** Where its first row begins, from `top`. */
  readonly inset: number
  /** From one row to the next. */
  readonly pitch: number
}

export const axisHeight = 24

/** With all rows of a burst in it, a lane should stay a lane. */
const tallestRows = 104
const pad = 6

const fixed: Readonly<Record<string, { label: string; note: string; height: number }>> = {
  [eventLane]: { label: 'Events', note: 'session, you', height: 24 },
  [tokenLane]: { label: 'Tokens', note: 'access, refresh', height: 42 },
  [refreshLane]: { label: 'Refreshes', note: 'and back-off', height: 34 },
}

/**
 * @param marks those in view
 * @param heading height of the label above the lane; 0 if the label is beside it
 */
export function layLanes(
  marks: Iterable<Mark>,
  clients: Iterable<string>,
  others: ReadonlyMap<string, Peer>,
  heading: number,
): Lane[] {
  const rows = new Map<string, number>()
  for (const { lane, row } of marks) rows.set(lane, Math.max(rows.get(lane) ?? 0, row + 1))
  const tabs = [...others.keys()].map(tab => `tab ${tab}`)
  let top = axisHeight
  return [...new Set([eventLane, tokenLane, refreshLane, ...clients, ...tabs])].map(key => {
    const lines = Math.max(rows.get(key) ?? 0, 3)
    const pitch = Math.min(8, Math.max(1.6, tallestRows / lines))
    const { label, note, height } = fixed[key] ?? {
      ...nameOf(key, others),
      height: Math.ceil(lines * pitch) + 2 * pad,
    }
    const lane = { key, label, note, top, height: height + heading, inset: heading + pad, pitch }
    top += lane.height
    return lane
  })
}

/** The label of a lane: its client and the base URL of it, or its tab and the page in it. */
export function nameOf(
  lane: string,
  others: ReadonlyMap<string, Peer>,
): { readonly label: string; readonly note: string } {
  const [kind, name = '', base = ''] = lane.split(' ')
  if (kind === 'tab') {
    const { number = 0, path = '' } = others.get(name) ?? {}
    return { label: number ? `Tab ${number}` : 'Another tab', note: path }
  }
  const note = base
    .replace(location.origin, '')
    .replace(/^https?:\/\//, '')
    .replace(/\/$/, '')
  return { label: name, note: note || 'this tab' }
}
