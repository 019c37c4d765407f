/** The target of an arrow key on a mark. */

/** The next mark in an arrow's direction: along the lane by time, across lanes to the nearest in time. */
export function neighbour(chart: HTMLElement, mark: SVGGElement, key: string): SVGGElement | undefined {
  const all = [...chart.querySelectorAll<SVGGElement>('.mark')].map(element => {
    const box = element.getBoundingClientRect()
    return { element, lane: element.dataset['lane'], x: box.left, y: box.top }
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
  const beyond = all
    .filter(other => other.lane !== self.lane && (isDown ? other.y > self.y : other.y < self.y))
    .sort((one, other) => (isDown ? one.y - other.y : other.y - one.y))
  return beyond
    .filter(other => other.lane === beyond[0]?.lane)
    .sort((one, other) => Math.abs(one.x - self.x) - Math.abs(other.x - self.x))[0]?.element
}
