/** Each kind of mark as a picture. Colour shows the outcome, and so does the shape, for users who do not see colours. */
import type { Lane } from './lanes.js'
import type { BackoffMark, Mark, PointMark, RefreshMark, RequestMark, TokenMark } from './marks.js'
import { partsOf } from './parts.js'
import type { Shape } from './svg.js'

/** Where things are drawn: `x` of an instant in px, the instant that is now, and the last one in view. */
export interface Scale {
  x(instant: number): number
  readonly now: number
  readonly end: number
}

/** The narrowest bar that is still seen. */
const narrowest = 3

/** The mark's group: its kind as data attributes, and its text as its label. */
export function shapeOf(mark: Mark, lane: Lane, scale: Scale, label: string): Shape {
  return {
    tag: 'g',
    attributes: {
      ...dataOf(mark),
      class: `mark ${mark.kind}`,
      'data-mark': mark.kind,
      'data-id': mark.id,
      'data-lane': mark.lane,
      role: 'img',
      tabindex: -1,
      'aria-label': label,
    },
    children: draw(mark, lane, scale),
  }
}

function draw(mark: Mark, lane: Lane, scale: Scale): Shape[] {
  if (mark.kind === 'request') return drawRequest(mark, lane, scale)
  if (mark.kind === 'refresh') return drawRefresh(mark, lane, scale)
  if (mark.kind === 'backoff') return drawBackoff(mark, lane, scale)
  return mark.kind === 'token' ? drawToken(mark, lane, scale) : drawPoint(mark, lane, scale)
}

function dataOf(mark: Mark): Record<string, string | number> {
  if (mark.kind === 'request') return { 'data-outcome': mark.outcome }
  if (mark.kind === 'refresh') return { 'data-outcome': mark.outcome }
  if (mark.kind === 'token') return { 'data-token': mark.token, 'data-cut': mark.cutBy ?? '' }
  return 'title' in mark ? { 'data-title': mark.title, 'data-bad': String(mark.isBad) } : {}
}

function drawRequest(mark: RequestMark, lane: Lane, { x, now }: Scale): Shape[] {
  const y = lane.top + lane.inset + mark.row * lane.pitch
  const height = Math.max(1.2, lane.pitch * 0.76)
  const end = mark.end ?? now
  const parts = partsOf(mark, now).flatMap(({ name, from, to, status }) => {
    const width = Math.max(x(to) - x(from), narrowest)
    const piece = bar(name, x(from), y, width, height, status ? { 'data-status': status } : {})
    if (name !== 'refused') return [piece]
    // Most of it is the way there; the 401 is its end.
    const stop = Math.min(width, 5)
    return [piece, bar('stop', x(from) + width - stop, y, stop, height)]
  })
  const isFailed = mark.outcome !== 'answered' && mark.outcome !== 'open'
  return [
    ...parts,
    ...(isFailed ? [bar('cap', x(end) - 1, y - 0.5, 4, height + 1)] : []),
    bar('hit', x(mark.start) - 2, y - 1, Math.max(x(end) - x(mark.start), narrowest) + 4, height + 2),
  ]
}

function drawRefresh({ start, end, row, outcome }: RefreshMark, lane: Lane, { x, now }: Scale): Shape[] {
  const y = lane.top + lane.inset + row * 9
  const width = Math.max(x(end ?? now) - x(start), 5)
  return [
    bar(outcome === 'done' ? 'flight' : outcome === 'failed' ? 'broken' : 'pending', x(start), y, width, 7, {
      rx: 2,
    }),
    bar('hit', x(start) - 2, y - 1, width + 4, 9),
  ]
}

function drawBackoff({ start, end }: BackoffMark, lane: Lane, { x }: Scale): Shape[] {
  const y = lane.top + lane.inset + 12
  const width = Math.max(x(end) - x(start), 2)
  return [bar('pause', x(start), y, width, 5), bar('hit', x(start), y - 2, width, 9)]
}

function drawToken({ token, start, end, windowAt, cut }: TokenMark, lane: Lane, scale: Scale): Shape[] {
  const { x } = scale
  const [y, height] = token === 'access' ? [lane.top + lane.inset, 16] : [lane.top + lane.inset + 21, 9]
  const last = Math.min(cut ?? end, Math.max(scale.end, start) + 60_000)
  const width = Math.max(x(last) - x(start), 2)
  const shapes = [bar(`${token}-token`, x(start), y, width, height, { rx: 2 })]
  if (windowAt !== undefined && windowAt < last)
    shapes.push(bar('window', x(windowAt), y, Math.max(x(last) - x(windowAt), 1), height, { rx: 2 }))
  // The rest of its lifetime, which it did not reach.
  if (cut !== undefined && end - cut > 25 && cut > start && end < Number.POSITIVE_INFINITY)
    shapes.push(bar('spared', x(cut), y + height / 2 - 0.5, x(end) - x(cut), 1))
  return [...shapes, bar('hit', x(start), y - 1, width, height + 2)]
}

function drawPoint({ kind, start, isBad }: PointMark, lane: Lane, { x }: Scale): Shape[] {
  const y = lane.top + lane.inset + 6
  const name = isBad ? 'bad' : 'point'
  const at = round(x(start))
  const marker = { 'data-part': name, class: `part ${name}` }
  return [
    kind === 'control'
      ? { tag: 'circle', attributes: { ...marker, cx: at, cy: y, r: 4 } }
      : { tag: 'path', attributes: { ...marker, d: `M${at} ${y - 5}l5 5-5 5-5-5z` } },
    bar('hit', at - 6, y - 6, 12, 12),
  ]
}

/** Shapes with a pattern: not every browser lets a style sheet refer to a pattern of a shadow tree. */
const patterns: Readonly<Record<string, string>> = {
  window: 'hatch',
  lost: 'hatch-bad',
  unsent: 'hatch-bad',
  broken: 'hatch-bad',
}

function bar(
  name: string,
  x: number,
  y: number,
  width: number,
  height: number,
  extra: Readonly<Record<string, string | number>> = {},
): Shape {
  const pattern = patterns[name]
  return {
    tag: 'rect',
    attributes: {
      ...extra,
      ...(pattern && { fill: `url(#${pattern})` }),
      'data-part': name,
      class: `part ${name}`,
      x: round(x),
      y: round(y),
      width: round(width),
      height: round(height),
    },
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
