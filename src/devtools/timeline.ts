/**
 * The timeline as a picture that moves. SVG, not canvas: each mark is an element, so it can be focused and labelled,
 * takes its colours from the style sheet in light and dark, and can be identified by a test. Scrolling moves one group;
 * shapes are written only when something happened.
 */
import { guide, laneShapes, nowLine, ticks } from './axis.js'
import { type Explanation, explain } from './explain.js'
import type { Journal } from './journal.js'
import { axisHeight, layLanes } from './lanes.js'
import { endOf, type Mark } from './marks.js'
import type { Peer } from './peers.js'
import { shapeOf } from './shapes.js'
import { createLayer, type Picture, type Shape } from './svg.js'

export interface Timeline {
  isPaused(): boolean
  pause(isPaused: boolean): void
  /** Stands still while a mark is looked at. */
  hold(isHeld: boolean): void
  /** How much time is in view, milliseconds. */
  zoom(span: number): void
  /** Moves the view by a part of its width, towards the past where negative; it pauses. */
  pan(part: number): void
  /** The mark of an element, in words. */
  explain(id: string): Explanation | undefined
  /** Tells when it was paused or resumed, and after each time that shapes were written. */
  listen(onPause: () => void, onDraw: () => void): void
  width(): number
  stop(): void
}

/** The marks to draw. */
export interface Subject {
  readonly journal: Journal
  /** When the devtools were mounted: the zero of the axis. */
  readonly epoch: number
  readonly others: ReadonlyMap<string, Peer>
}

/** The part of the view that lies ahead of now: tokens reach into it. Devtools that have just been opened fill from the left. */
const ahead = 0.14
const narrow = 640

export function createTimeline(picture: Picture, subject: Subject): Timeline {
  const { journal, epoch } = subject
  const { draw, scroll } = createPainter(picture, subject)
  const [pauses, draws] = [new Set<() => void>(), new Set<() => void>()]
  let width = 0
  let span = 20_000
  let end = Date.now()
  let isPaused = false
  let isHeld = false
  let version = -1
  let drawn = 0

  const stopFrames = everyFrame(now => {
    const isFollowing = !isPaused && !isHeld
    if (isFollowing) end = Math.max(now + span * ahead, epoch + span)
    if (width > 0 && (version !== journal.version || (isFollowing && now - drawn > 400))) {
      version = draw(width, span, end, now) ? -1 : journal.version
      drawn = now
      for (const listener of draws) listener()
    }
    scroll(width, span, end, now)
  })
  const stopWatching = watchWidth(picture.root, next => {
    width = next
    version = -1
  })
  const pause = (next: boolean): void => {
    isPaused = next
    version = -1
    for (const listener of pauses) listener()
  }
  return {
    isPaused: () => isPaused,
    width: () => width,
    pause,
    hold(next) {
      isHeld = next
    },
    zoom(next) {
      span = next
      version = -1
    },
    pan(part) {
      if (!isPaused) pause(true)
      end = Math.min(Date.now() + span * ahead, Math.max(epoch + span * 0.3, end + part * span))
      version = -1
    },
    explain: id => explainOne(journal.marks.get(id), subject),
    listen(onPause, onDraw) {
      pauses.add(onPause)
      draws.add(onDraw)
    },
    stop() {
      stopFrames()
      stopWatching()
    },
  }
}

function explainOne(mark: Mark | undefined, { others, epoch }: Subject): Explanation | undefined {
  return mark && explain(mark, others, epoch)
}

/** Calls back when the width has changed. Returns a function that stops it. */
function watchWidth(root: SVGElement, note: (width: number) => void): () => void {
  const observer = new ResizeObserver(([entry]) => note(Math.floor(entry?.contentRect.width ?? 0)))
  observer.observe(root.parentElement ?? root)
  return () => observer.disconnect()
}

/** Calls back at every frame; twice a second for a user who wants less motion. Returns a function that stops it. */
function everyFrame(show: (now: number) => void): () => void {
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)')
  let isStopped = false
  const run = (): void => {
    if (isStopped) return
    show(Date.now())
    if (isCalm.matches) setTimeout(run, 500)
    else requestAnimationFrame(run)
  }
  requestAnimationFrame(run)
  return () => {
    isStopped = true
  }
}

/** Paints the time before `end`, `span` milliseconds of it, over so many pixels. */
type Paint<Result> = (width: number, span: number, end: number, now: number) => Result

interface Painter {
  /** Draws all shapes. Returns whether one of them still grows. */
  readonly draw: Paint<boolean>
  /** Moves the shapes with the time. */
  readonly scroll: Paint<void>
}

function createPainter({ root, clip }: Picture, { journal, epoch, others }: Subject): Painter {
  const back = createLayer(root, 'back')
  const clipped = createLayer(root, 'clipped')
  clipped.group.setAttribute('clip-path', 'url(#clip)')
  const guides = createLayer(clipped.group, 'guides')
  const pictures = createLayer(clipped.group, 'marks')
  const front = createLayer(root, 'front')
  const clients = new Set<string>()
  const gutterOf = (width: number): number => (width < narrow ? 0 : 108)
  let height = 0

  return {
    draw(width, span, end, now) {
      const gutter = gutterOf(width)
      const perMs = (width - gutter) / span
      const x = (instant: number): number => (instant - epoch) * perMs
      const marks = [...journal.marks.values()].filter(
        mark =>
          mark.start <= end && (mark.kind === 'token' ? mark.end : endOf(mark, now)) >= end - span * 1.05,
      )
      for (const { kind, lane } of marks)
        if (kind === 'request' && lane.startsWith('client')) clients.add(lane)
      const lanes = layLanes(marks, clients, others, gutter ? 0 : 15)
      height = Math.max(...lanes.map(lane => lane.top + lane.height))
      root.setAttribute('viewBox', `0 0 ${width} ${height}`)
      root.setAttribute('height', String(height))
      clip.setAttribute('x', String(gutter))
      clip.setAttribute('width', String(Math.max(0, width - gutter)))
      const shapes = new Map<string, Shape>()
      const lines = new Map<string, Shape>(ticks(end - span, end, perMs, height, epoch))
      for (const mark of marks) {
        const lane = lanes.find(({ key }) => key === mark.lane)
        if (!lane) continue
        const { title, lines: words } = explain(mark, others, epoch)
        shapes.set(mark.id, shapeOf(mark, lane, { x, now, end }, [title, ...words].join('. ')))
        if (mark.kind === 'control') lines.set(mark.id, guide(x(mark.start), lane.top + lane.height, height))
      }
      back.show(laneShapes(lanes, width, gutter))
      guides.show(lines)
      pictures.show(shapes)
      return marks.some(mark => 'outcome' in mark && mark.outcome === 'open')
    },
    scroll(width, span, end, now) {
      const gutter = gutterOf(width)
      const perMs = (width - gutter) / span
      const offset = gutter - (end - span - epoch) * perMs
      for (const { group } of [guides, pictures])
        group.setAttribute('transform', `translate(${offset.toFixed(1)} 0)`)
      const line = offset + (now - epoch) * perMs
      const isVisible = line >= gutter && line <= width
      front.show(new Map(isVisible ? [['now', nowLine(line, height || axisHeight)]] : []))
    },
  }
}
