/** Each kind of mark as a picture. Colour says the outcome; shape says it again for those who do not see colours. */
import type { CallMark, Mark, PointMark, RequestMark, TokenMark } from '../marks.js'
import type { Lane } from './lanes.js'
import { type Background, partsOf } from './parts.js'
import type { Shape } from './svg.js'

/** Where things are drawn: `x` of an instant in px, and the instant that is now. */
export interface Scale {
  x(instant: number): number
  readonly now: number
  readonly background: Background
}

/** The narrowest bar that is still seen. */
const narrowest = 3

/** The mark's group: what it is, as data attributes; what it says, as its label. */
export function shapeOf(mark: Mark, lane: Lane, scale: Scale, label: string): Shape {
  const children =
    mark.kind === 'request'
      ? drawRequest(mark, lane, scale)
      : mark.kind === 'call'
        ? drawCall(mark, lane, scale)
        : mark.kind === 'token'
          ? drawToken(mark, lane, scale)
          : drawPoint(mark, lane, scale)
  return {
    tag: 'g',
    attributes: {
      ...dataOf(mark),
      class: `mark mark-${mark.kind}`,
      'data-mark': mark.kind,
      'data-id': mark.id,
      'data-lane': mark.lane,
      role: 'img',
      tabindex: -1,
      'aria-label': label,
    },
    children,
  }
}

function dataOf(mark: Mark): Record<string, string | number> {
  if (mark.kind === 'request') return { 'data-outcome': mark.outcome, 'data-attempts': mark.attempts.length }
  if (mark.kind === 'call') {
    const { path, status, client = '' } = mark.entry
    return { 'data-call': path.split('/').at(-1) ?? path, 'data-status': status, 'data-client': client }
  }
  if (mark.kind === 'token') return { 'data-token': mark.token, 'data-cut': mark.cutBy ?? '' }
  return { 'data-title': mark.title, 'data-bad': String(mark.isBad ?? false) }
}

function drawRequest(mark: RequestMark, lane: Lane, { x, now, background }: Scale): Shape[] {
  const y = lane.top + lane.inset + mark.row * lane.pitch
  const height = Math.max(1.2, lane.pitch * 0.76)
  const end = mark.end ?? now
  const parts = partsOf(mark, background, now).map(({ name, from, to, status }) => {
    const width = Math.max(x(to) - x(from), narrowest)
    return bar(name, x(from), y, width, height, status === undefined ? {} : { 'data-status': status })
  })
  // A 401 takes no time: what is narrow is drawn above what is wide.
  const isPause = ({ attributes }: Shape) => ['wait', 'queue'].includes(String(attributes['data-part']))
  const isFailed = mark.outcome !== 'answered' && mark.outcome !== 'open'
  return [
    ...parts.filter(isPause),
    ...parts.filter(part => !isPause(part)),
    ...(isFailed ? [bar('cap', x(end) - 1, y - 0.5, 4, height + 1)] : []),
    bar('hit', x(mark.start) - 2, y - 1, Math.max(x(end) - x(mark.start), narrowest) + 4, height + 2),
  ]
}

function drawCall({ start, end, row, entry }: CallMark, lane: Lane, { x }: Scale): Shape[] {
  const y = lane.top + lane.inset + row * lane.pitch
  const height = lane.pitch - 2
  const width = Math.max(x(end) - x(start), 5)
  const name = entry.path.endsWith('/refresh') ? 'refresh' : 'call'
  const isBad = entry.status === 0 || entry.status >= 400
  return [
    bar(isBad ? 'failed' : name, x(start), y, width, height, { rx: 2, 'data-status': entry.status }),
    bar('hit', x(start) - 2, y - 1, width + 4, height + 2),
  ]
}

function drawToken({ token, start, end, windowStart, cut }: TokenMark, lane: Lane, { x }: Scale): Shape[] {
  const [y, height] = token === 'access' ? [lane.top + lane.inset + 10, 16] : [lane.top + lane.inset + 31, 9]
  const last = cut ?? end
  const width = Math.max(x(last) - x(start), 2)
  const shapes = [bar(`${token}-token`, x(start), y, width, height, { rx: 2 })]
  if (windowStart !== undefined && windowStart < last) {
    shapes.push(bar('window', x(windowStart), y, Math.max(x(last) - x(windowStart), 1), height, { rx: 2 }))
  }
  // What it could still have lived.
  if (cut !== undefined && end - cut > 25 && cut > start) {
    shapes.push(bar('spared', x(cut), y + height / 2 - 0.5, x(end) - x(cut), 1))
  }
  return [...shapes, bar('hit', x(start), y - 1, width, height + 2)]
}

function drawPoint({ kind, start, isBad }: PointMark, lane: Lane, { x }: Scale): Shape[] {
  const centre = lane.top + lane.inset + (kind === 'control' ? 6 : 3)
  const name = isBad ? 'bad' : 'point'
  const shape: Shape =
    kind === 'control'
      ? {
          tag: 'circle',
          attributes: { 'data-part': name, class: `part ${name}`, cx: round(x(start)), cy: centre, r: 4 },
        }
      : {
          tag: 'path',
          attributes: {
            'data-part': name,
            class: `part ${name}`,
            d: `M${round(x(start))} ${centre - 4.5}l4.5 4.5-4.5 4.5-4.5-4.5z`,
          },
        }
  return [shape, bar('hit', x(start) - 6, centre - 6, 12, 12)]
}

function bar(
  name: string,
  x: number,
  y: number,
  width: number,
  height: number,
  extra: Record<string, string | number> = {},
): Shape {
  return {
    tag: 'rect',
    attributes: {
      ...extra,
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
