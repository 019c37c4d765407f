/** How many refreshes reach the auth server, and when. */

export interface Histogram {
  /** Seconds per bin. */
  readonly width: number
  /** Refreshes per second, bin by bin. */
  readonly rates: readonly number[]
}

export interface Counter {
  /** @param at seconds from the begin */
  count(at: number): void
  /** @param width seconds per bin; @param scale how many sessions each simulated one stands for */
  histogram(width: number, scale?: number): Histogram
}

/** Counts second by second. */
export function createCounter(seconds: number): Counter {
  const bins = new Float64Array(seconds)
  return {
    count(at) {
      const bin = Math.floor(at)
      if (bin >= 0 && bin < seconds) bins[bin] = (bins[bin] ?? 0) + 1
    },
    histogram(width, scale = 1) {
      const rates: number[] = []
      for (let from = 0; from + width <= seconds; from += width) {
        let sum = 0
        for (let bin = from; bin < from + width; bin++) sum += bins[bin] ?? 0
        rates.push((sum * scale) / width)
      }
      return { width, rates }
    },
  }
}

/** The mean rate from a second on to another one. */
export function meanRate({ width, rates }: Histogram, from = 0, to = Number.POSITIVE_INFINITY): number {
  const part = rates.slice(Math.ceil(from / width), Math.floor(to / width))
  return part.reduce((sum, rate) => sum + rate, 0) / part.length
}

export function peakRate({ width, rates }: Histogram, from = 0, to = Number.POSITIVE_INFINITY): number {
  return Math.max(...rates.slice(Math.ceil(from / width), Math.floor(to / width)))
}

/** Seconds after `from` until the rate stays under the limit for good; undefined: it never does. */
export function calmAfter({ width, rates }: Histogram, limit: number, from = 0): number | undefined {
  let end = rates.length
  while (end > 0 && (rates[end - 1] ?? 0) < limit) end--
  return end === rates.length ? undefined : Math.max(0, end * width - from)
}
