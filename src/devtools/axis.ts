/** The frame of the timeline: ticks, lanes, and the line that is now. */
import { axisHeight, type Lane } from './lanes.js'
import type { Shape } from './svg.js'
import { formatInstant } from './words.js'

const steps: readonly number[] = [500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000]

export function ticks(
  from: number,
  to: number,
  pxPerMs: number,
  height: number,
  epoch: number,
): [key: string, shape: Shape][] {
  const step = steps.find(size => size * pxPerMs >= 84) ?? 120_000
  const shapes: [string, Shape][] = []
  for (let at = Math.max(0, Math.floor((from - epoch) / step)) * step; at <= to - epoch; at += step) {
    const x = Math.round(at * pxPerMs)
    const line: Shape = { tag: 'line', attributes: { x1: x, x2: x, y1: axisHeight, y2: height } }
    const text: Shape = {
      tag: 'text',
      attributes: { x: x + 4, y: 16 },
      text: formatInstant(at).replace('.0', ''),
    }
    const attributes = { class: 'tick', 'aria-hidden': 'true' }
    shapes.push([`tick.${at}`, { tag: 'g', attributes, children: [line, text] }])
  }
  return shapes
}

export function guide(x: number, top: number, height: number): Shape {
  return {
    tag: 'line',
    attributes: { class: 'guide', x1: x.toFixed(1), x2: x.toFixed(1), y1: top - 8, y2: height },
  }
}

export function laneShapes(lanes: readonly Lane[], width: number, gutter: number): Map<string, Shape> {
  return new Map(
    lanes.map(({ key, label, note, top, height }) => {
      const isLow = gutter > 0 && height < 30
      const [x, y] = gutter ? [0, top + (isLow ? height / 2 + 4 : Math.min(height / 2, 20))] : [8, top + 12]
      const below: Record<string, string | number> = gutter
        ? { x, y: y + 13 }
        : { x: width - 8, y, 'text-anchor': 'end' }
      const rule: Shape = { tag: 'line', attributes: { class: 'rule', x1: 0, x2: width, y1: top, y2: top } }
      const name: Shape = { tag: 'text', attributes: { class: 'label', x, y }, text: shorten(label) }
      const whose: Shape = { tag: 'text', attributes: { class: 'note', ...below }, text: shorten(note) }
      const attributes = { class: 'lane', 'data-lane-key': key, 'aria-hidden': 'true' }
      return [key, { tag: 'g', attributes, children: isLow ? [rule, name] : [rule, name, whose] }]
    }),
  )
}

/** The end of a URL is more useful than its beginning. */
function shorten(text: string): string {
  return text.length > 17 ? `…${text.slice(-16)}` : text
}

export function nowLine(x: number, height: number): Shape {
  return {
    tag: 'line',
    attributes: { class: 'now', x1: x.toFixed(1), x2: x.toFixed(1), y1: axisHeight - 4, y2: height },
  }
}
