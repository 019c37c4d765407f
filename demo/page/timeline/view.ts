/**
 * The timeline as a picture that moves. SVG, not canvas: each mark is an element, so it can be focused and labelled,
 * takes its colours from the style sheet in light and dark, and says to a test what it is. Scrolling moves one group;
 * shapes are written only when something happened.
 */
import type { Journal } from '../journal.js'
import { endOf, type Mark } from '../marks.js'
import type { Tabs } from '../tabs.js'
import { explain, formatInstant } from './explain.js'
import { axisHeight, controlLane, type Lane, layLanes } from './lanes.js'
import { type Background, backgroundOf } from './parts.js'
import { type Scale, shapeOf } from './shapes.js'
import { createLayer, type Shape } from './svg.js'

export interface Timeline {
  readonly isPaused: boolean
  pause(isPaused: boolean): void
  /** Stands still while somebody looks at a mark. */
  hold(isHeld: boolean): void
  /** How much time is in view, in ms. */
  zoom(span: number): void
  /** Moves the view by a part of its width, towards the past where negative; it pauses. */
  pan(part: number): void
  /** The mark of an element, in words. */
  explain(id: string): ReturnType<typeof explain> | undefined
  /** Tells when it was paused or resumed, and after each time that shapes were written. */
  listen(onPause: () => void, onDraw: () => void): void
  readonly width: number
}

/** The part of the view that lies ahead of now: tokens reach into it. */
const ahead = 0.14
const narrow = 640

export function createTimeline(svg: SVGSVGElement, journal: Journal, tabs: Tabs): Timeline {
  const { epoch } = journal
  const back = createLayer(svg, 'back')
  const clipped = createLayer(svg, 'clipped')
  clipped.group.setAttribute('clip-path', 'url(#chart-clip)')
  const guides = createLayer(clipped.group, 'guides')
  const pictures = createLayer(clipped.group, 'marks')
  const front = createLayer(svg, 'front')
  const clip = svg.querySelector('#chart-clip rect')

  let width = 0
  let span = 20_000
  let end = Date.now()
  let isPaused = false
  let isHeld = false
  let isStale = true
  let drawn = 0
  let lanes: Lane[] = []
  let background: Background = { refreshes: [], tokens: [] }
  const pauses = new Set<() => void>()
  const draws = new Set<() => void>()

  const gutter = () => (width < narrow ? 0 : 108)
  const perMs = () => (width - gutter()) / span
  const scaleAt = (now: number): Scale => ({
    x: instant => (instant - epoch) * perMs(),
    now,
    background,
  })

  const place = (mark: Mark): Mark => ({
    ...mark,
    lane: mark.kind === 'control' ? controlLane : mark.lane,
  })
  const visible = (now: number): Mark[] => {
    const from = end - span * 1.05
    return [...journal.marks.values()]
      .filter(mark => mark.start <= end && (mark.kind === 'token' ? mark.end : endOf(mark, now)) >= from)
      .map(place)
  }

  const draw = (now: number) => {
    const marks = visible(now)
    background = backgroundOf(journal.marks.values())
    lanes = layLanes(marks, [tabs.own, ...[...tabs.others].sort()], gutter() === 0 ? 15 : 0)
    const height = Math.max(...lanes.map(lane => lane.top + lane.height))
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
    svg.setAttribute('height', String(height))
    clip?.setAttribute('x', String(gutter()))
    clip?.setAttribute('width', String(Math.max(0, width - gutter())))
    const scale = scaleAt(now)
    const byKey = new Map(lanes.map(lane => [lane.key, lane]))
    const shapes = new Map<string, Shape>()
    const lines = new Map<string, Shape>(ticks(end - span, end, width - gutter(), height, epoch, scale))
    for (const mark of marks) {
      const lane = byKey.get(mark.lane)
      if (!lane) continue
      const { title, lines: words } = explain(mark, tabs.own, epoch, background)
      shapes.set(mark.id, shapeOf(mark, lane, scale, [title, ...words].join('. ')))
      if (mark.kind === 'control')
        lines.set(mark.id, guide(scale.x(mark.start), lane.top + lane.height, height))
    }
    back.show(laneShapes(lanes, width, gutter()))
    guides.show(lines)
    pictures.show(shapes)
    isStale = marks.some(mark => mark.kind === 'request' && mark.end === undefined)
    drawn = now
    for (const listener of draws) listener()
  }

  const frame = () => {
    const now = Date.now()
    const isFollowing = !isPaused && !isHeld
    // A page that was just opened fills from the left.
    if (isFollowing) end = Math.max(now + span * ahead, epoch + span)
    if (width > 0 && (isStale || (isFollowing && now - drawn > 400))) draw(now)
    const offset = gutter() - scaleAt(now).x(end - span)
    const move = `translate(${offset.toFixed(1)} 0)`
    guides.group.setAttribute('transform', move)
    pictures.group.setAttribute('transform', move)
    front.show(
      nowLine(offset + scaleAt(now).x(now), gutter(), width, Number(svg.getAttribute('height') ?? 0)),
    )
  }
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)')
  const run = () => {
    frame()
    if (isCalm.matches) setTimeout(run, 500)
    else requestAnimationFrame(run)
  }

  journal.subscribe(() => {
    isStale = true
  })
  new ResizeObserver(([entry]) => {
    width = Math.floor(entry?.contentRect.width ?? 0)
    isStale = true
  }).observe(svg.parentElement ?? svg)
  requestAnimationFrame(run)

  const pause = (next: boolean) => {
    isPaused = next
    isStale = true
    for (const listener of pauses) listener()
  }
  return {
    get isPaused() {
      return isPaused
    },
    get width() {
      return width
    },
    pause,
    hold(next) {
      isHeld = next
    },
    zoom(next) {
      // What stands at the right edge, or now, stays where it is.
      span = next
      isStale = true
    },
    pan(part) {
      if (!isPaused) pause(true)
      end = Math.min(Date.now() + span * ahead, Math.max(epoch + span * 0.3, end + part * span))
      isStale = true
    },
    explain(id) {
      const mark = journal.marks.get(id)
      return mark && explain(mark, tabs.own, epoch, background)
    },
    listen(onPause, onDraw) {
      pauses.add(onPause)
      draws.add(onDraw)
    },
  }
}

function* ticks(
  from: number,
  to: number,
  room: number,
  height: number,
  epoch: number,
  { x }: Scale,
): Generator<[string, Shape]> {
  const wanted = ((to - from) / Math.max(room, 1)) * 84
  const step = [500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000].find(size => size >= wanted) ?? 120_000
  for (let at = Math.max(0, Math.floor((from - epoch) / step)) * step; at <= to - epoch; at += step) {
    const place = Math.round(x(epoch + at))
    const line: Shape = { tag: 'line', attributes: { x1: place, x2: place, y1: axisHeight, y2: height } }
    const text: Shape = {
      tag: 'text',
      attributes: { x: place + 4, y: 16 },
      text: formatInstant(at).replace(/\.0$/, ''),
    }
    yield [
      `tick.${at}`,
      { tag: 'g', attributes: { class: 'tick', 'aria-hidden': 'true' }, children: [line, text] },
    ]
  }
}

function guide(x: number, top: number, height: number): Shape {
  return {
    tag: 'line',
    attributes: { class: 'guide', x1: x.toFixed(1), x2: x.toFixed(1), y1: top - 8, y2: height },
  }
}

function laneShapes(lanes: readonly Lane[], width: number, gutter: number): Map<string, Shape> {
  return new Map(
    lanes.map(({ key, label, note, top, height }) => {
      const [x, y] = gutter === 0 ? [8, top + 12] : [0, top + Math.min(height / 2, 20)]
      const name: Shape = {
        tag: 'text',
        attributes: { class: 'label', x, y: gutter && height < 30 ? y + 4 : y },
        text: label,
      }
      const below = gutter === 0 ? { x: width - 8, y, 'text-anchor': 'end' } : { x, y: y + 13 }
      const whose: Shape = { tag: 'text', attributes: { class: 'note', ...below }, text: note }
      const rule: Shape = { tag: 'line', attributes: { class: 'rule', x1: 0, x2: width, y1: top, y2: top } }
      const attributes = { class: 'lane', 'data-lane-key': key, 'aria-hidden': 'true' }
      return [
        key,
        { tag: 'g', attributes, children: gutter && height < 30 ? [rule, name] : [rule, name, whose] },
      ]
    }),
  )
}

function nowLine(x: number, gutter: number, width: number, height: number): Map<string, Shape> {
  if (x < gutter || x > width) return new Map()
  const attributes = { class: 'now', x1: x.toFixed(1), x2: x.toFixed(1), y1: axisHeight - 4, y2: height }
  return new Map([['now', { tag: 'line', attributes }]])
}
