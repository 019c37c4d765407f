/**
 * The timeline as a picture that moves. SVG, not canvas: each mark is an element, so it can be focused and labelled,
 * takes its colours from the style sheet in light and dark, and says to a test what it is. Scrolling moves one group;
 * shapes are written only when something happened.
 */
import { guide, laneShapes, nowLine, ticks } from './axis.js'
import { type Explanation, explain } from './explain.js'
import type { Journal } from './journal.js'
import { axisHeight, type Lane, layLanes } from './lanes.js'
import { endOf, type Mark } from './marks.js'
import type { Peer } from './peers.js'
import { type Scale, shapeOf } from './shapes.js'
import { createLayer, type Picture, type Shape } from './svg.js'

export interface Timeline {
  readonly isPaused: boolean
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
  readonly width: number
  stop(): void
}

/** What there is to draw. */
export interface Subject {
  readonly journal: Journal
  /** When the devtools were mounted: the zero of the axis. */
  readonly epoch: number
  readonly others: ReadonlyMap<string, Peer>
}

/** The part of the view that lies ahead of now: tokens reach into it. */
const ahead = 0.14
const narrow = 640

/** The time in view, and the picture of it. */
interface View {
  width: number
  height: number
  /** Milliseconds. */
  span: number
  end: number
  isPaused: boolean
  isHeld: boolean
  isStopped: boolean
  /** The version of the journal that is drawn. -1: it must be drawn again. */
  version: number
  /** When it was drawn. */
  drawn: number
}

export function createTimeline(picture: Picture, subject: Subject): Timeline {
  const { journal, epoch, others } = subject
  const view = createView()
  const pauses = new Set<() => void>()
  const draws = new Set<() => void>()
  const change = (next: Partial<View>): void => void Object.assign(view, next, { version: -1 })
  const pause = (isPaused: boolean): void => {
    change({ isPaused })
    for (const listener of pauses) listener()
  }
  const observer = new ResizeObserver(([entry]) => {
    change({ width: Math.floor(entry?.contentRect.width ?? 0) })
  })
  observer.observe(picture.root.parentElement ?? picture.root)
  const show = createShow(picture, subject, view, draws)
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)')
  const run = (): void => {
    if (view.isStopped) return
    show(Date.now())
    if (isCalm.matches) setTimeout(run, 500)
    else requestAnimationFrame(run)
  }
  requestAnimationFrame(run)
  return {
    get isPaused() {
      return view.isPaused
    },
    get width() {
      return view.width
    },
    pause,
    hold(isHeld) {
      view.isHeld = isHeld
    },
    zoom: span => change({ span }),
    pan(part) {
      const { span, end } = view
      if (!view.isPaused) pause(true)
      change({ end: Math.min(Date.now() + span * ahead, Math.max(epoch + span * 0.3, end + part * span)) })
    },
    explain(id) {
      const mark = journal.marks.get(id)
      return mark && explain(mark, others, epoch)
    },
    listen(onPause, onDraw) {
      pauses.add(onPause)
      draws.add(onDraw)
    },
    stop() {
      view.isStopped = true
      observer.disconnect()
    },
  }
}

function createView(): View {
  return {
    width: 0,
    height: 0,
    span: 20_000,
    end: Date.now(),
    isPaused: false,
    isHeld: false,
    isStopped: false,
    version: -1,
    drawn: 0,
  }
}

/** Returns the function that shows one frame: scrolls, and draws the shapes again if something happened. */
function createShow(
  { root, clip }: Picture,
  { journal, epoch, others }: Subject,
  view: View,
  draws: ReadonlySet<() => void>,
): (now: number) => void {
  const back = createLayer(root, 'back')
  const clipped = createLayer(root, 'clipped')
  clipped.group.setAttribute('clip-path', 'url(#clip)')
  const guides = createLayer(clipped.group, 'guides')
  const pictures = createLayer(clipped.group, 'marks')
  const front = createLayer(root, 'front')
  const clients = new Set<string>()

  const gutter = (): number => (view.width < narrow ? 0 : 108)
  const perMs = (): number => (view.width - gutter()) / view.span
  const x = (instant: number): number => (instant - epoch) * perMs()

  const draw = (now: number): void => {
    const { width, span, end } = view
    const marks = visible(journal, view, now)
    for (const { kind, lane } of marks) if (kind === 'request' && lane.startsWith('client')) clients.add(lane)
    const lanes: Lane[] = layLanes(marks, clients, others, gutter() ? 0 : 15)
    const height = Math.max(...lanes.map(lane => lane.top + lane.height))
    root.setAttribute('viewBox', `0 0 ${width} ${height}`)
    root.setAttribute('height', String(height))
    clip.setAttribute('x', String(gutter()))
    clip.setAttribute('width', String(Math.max(0, width - gutter())))
    const scale: Scale = { x, now, end }
    const shapes = new Map<string, Shape>()
    const lines = new Map<string, Shape>(ticks(end - span, end, perMs(), height, epoch))
    for (const mark of marks) {
      const lane = lanes.find(({ key }) => key === mark.lane)
      if (!lane) continue
      const { title, lines: words } = explain(mark, others, epoch)
      shapes.set(mark.id, shapeOf(mark, lane, scale, [title, ...words].join('. ')))
      if (mark.kind === 'control') lines.set(mark.id, guide(x(mark.start), lane.top + lane.height, height))
    }
    back.show(laneShapes(lanes, width, gutter()))
    guides.show(lines)
    pictures.show(shapes)
    // An open mark grows.
    const isGrowing = marks.some(mark => 'outcome' in mark && mark.outcome === 'open')
    Object.assign(view, { height, drawn: now, version: isGrowing ? -1 : journal.version })
    for (const listener of draws) listener()
  }
  return now => {
    const { width, span } = view
    const isFollowing = !view.isPaused && !view.isHeld
    // Devtools that have just been opened fill from the left.
    if (isFollowing) view.end = Math.max(now + span * ahead, epoch + span)
    if (width > 0 && (view.version !== journal.version || (isFollowing && now - view.drawn > 400))) draw(now)
    const offset = gutter() - x(view.end - span)
    for (const { group } of [guides, pictures])
      group.setAttribute('transform', `translate(${offset.toFixed(1)} 0)`)
    const line = offset + x(now)
    const isVisible = line >= gutter() && line <= width
    front.show(new Map(isVisible ? [['now', nowLine(line, view.height || axisHeight)]] : []))
  }
}

function visible({ marks }: Journal, { span, end }: View, now: number): Mark[] {
  return [...marks.values()].filter(
    mark => mark.start <= end && (mark.kind === 'token' ? mark.end : endOf(mark, now)) >= end - span * 1.05,
  )
}
