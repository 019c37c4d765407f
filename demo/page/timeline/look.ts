/** Looking at marks: hover, touch and keyboard show the same explanation; dragging and the wheel move the view. */
import type { Timeline } from './view.js'

/** Makes the chart answer to pointer and keyboard. `tip` shows the words; screen readers have them as labels. */
export function lookAtMarks(chart: HTMLElement, tip: HTMLElement, timeline: Timeline): void {
  let shown: SVGGElement | undefined
  let isDragging = false

  const show = (mark: SVGGElement | undefined) => {
    shown = mark
    timeline.hold(mark !== undefined)
    const words = mark && timeline.explain(mark.dataset.id ?? '')
    tip.hidden = !words
    if (!mark || !words) return
    const title = document.createElement('strong')
    title.textContent = words.title
    tip.replaceChildren(
      title,
      ...words.lines.map(line => Object.assign(document.createElement('span'), { textContent: line })),
    )
    placeTip(chart, tip, mark)
  }
  const stopAt = (mark: SVGGElement) => {
    for (const other of chart.querySelectorAll('.mark[tabindex="0"]')) other.setAttribute('tabindex', '-1')
    mark.setAttribute('tabindex', '0')
  }

  chart.addEventListener('pointerover', event => {
    if (!isDragging) show(markOf(event.target) ?? focusedMark(chart))
  })
  chart.addEventListener('pointerleave', () => show(focusedMark(chart)))
  chart.addEventListener('focusin', event => {
    const mark = markOf(event.target)
    if (!mark) return
    stopAt(mark)
    show(mark)
  })
  chart.addEventListener('focusout', () => show(undefined))
  chart.addEventListener('keydown', event => {
    const mark = markOf(event.target)
    if (!mark) return
    if (event.key === 'Escape') return mark.blur()
    const next = neighbour(chart, mark, event.key)
    if (event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End') event.preventDefault()
    next?.focus({ preventScroll: false })
  })
  timeline.listen(
    () => chart.toggleAttribute('data-paused', timeline.isPaused),
    () => {
      if (shown && !shown.isConnected) show(undefined)
      // There is always one mark to tab to: the newest.
      if (!chart.querySelector('.mark[tabindex="0"]')) {
        const newest = chart.querySelector<SVGGElement>('.marks > :last-child')
        if (newest) stopAt(newest)
      }
    },
  )
  dragToPan(chart, timeline, dragging => {
    isDragging = dragging
    if (dragging) show(undefined)
  })
}

function dragToPan(chart: HTMLElement, timeline: Timeline, onDrag: (isDragging: boolean) => void): void {
  let from: number | undefined
  let isMoving = false
  const stop = () => {
    from = undefined
    isMoving = false
    onDrag(false)
  }
  chart.addEventListener('pointerdown', event => {
    from = event.clientX
  })
  chart.addEventListener('pointermove', event => {
    if (from === undefined) return
    const moved = event.clientX - from
    if (!isMoving && Math.abs(moved) < 6) return
    if (!isMoving) chart.setPointerCapture(event.pointerId)
    isMoving = true
    onDrag(true)
    timeline.pan(-moved / Math.max(timeline.width, 1))
    from = event.clientX
  })
  chart.addEventListener('pointerup', stop)
  chart.addEventListener('pointercancel', stop)
  chart.addEventListener(
    'wheel',
    event => {
      const sideways = event.shiftKey ? event.deltaY : event.deltaX
      if (Math.abs(sideways) < 1) return
      event.preventDefault()
      timeline.pan(sideways / Math.max(timeline.width, 1))
    },
    { passive: false },
  )
}

function markOf(target: EventTarget | null): SVGGElement | undefined {
  return (target instanceof Element ? target.closest<SVGGElement>('.mark') : null) ?? undefined
}

function focusedMark(chart: HTMLElement): SVGGElement | undefined {
  return chart.contains(document.activeElement) ? markOf(document.activeElement) : undefined
}

/** The next mark in an arrow's direction: along the lane by time, across lanes to the nearest in time. */
function neighbour(chart: HTMLElement, mark: SVGGElement, key: string): SVGGElement | undefined {
  const all = [...chart.querySelectorAll<SVGGElement>('.mark')].map(element => {
    const box = element.getBoundingClientRect()
    return { element, lane: element.dataset.lane, x: box.left, y: box.top }
  })
  const self = all.find(({ element }) => element === mark)
  if (!self) return undefined
  const lane = all
    .filter(other => other.lane === self.lane)
    .sort((one, other) => one.x - other.x || one.y - other.y)
  const index = lane.indexOf(self)
  if (key === 'ArrowLeft') return lane[index - 1]?.element
  if (key === 'ArrowRight') return lane[index + 1]?.element
  if (key === 'Home') return lane[0]?.element
  if (key === 'End') return lane.at(-1)?.element
  if (key !== 'ArrowUp' && key !== 'ArrowDown') return undefined
  const isDown = key === 'ArrowDown'
  const beyond = all.filter(
    other => other.lane !== self.lane && (isDown ? other.y > self.y : other.y < self.y),
  )
  const nearest = beyond.sort((one, other) => (isDown ? one.y - other.y : other.y - one.y))[0]
  return beyond
    .filter(other => other.lane === nearest?.lane)
    .sort((one, other) => Math.abs(one.x - self.x) - Math.abs(other.x - self.x))[0]?.element
}

/** Below the mark where the window has room, else above; never beyond the chart's sides. */
function placeTip(chart: HTMLElement, tip: HTMLElement, mark: SVGGElement): void {
  const frame = chart.getBoundingClientRect()
  const box = mark.getBoundingClientRect()
  const left = Math.min(Math.max(box.left - frame.left, 0), Math.max(0, frame.width - tip.offsetWidth))
  const below = box.bottom - frame.top + 8
  const isRoom = box.bottom + tip.offsetHeight + 8 < innerHeight || box.top < tip.offsetHeight + 8
  tip.style.left = `${left}px`
  tip.style.top = `${isRoom ? below : box.top - frame.top - tip.offsetHeight - 8}px`
}
