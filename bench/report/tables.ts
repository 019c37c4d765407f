/** Every contestant beside the others, for the terminal. */
import type { Sample } from '../lib/statistics.js'
import type { Calls, Results } from './results.js'

type Cell = string | number

const times = ({ median, low, high }: Sample): string =>
  `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`

/** Columns as wide as they need to be; numbers to the right. */
export function table(title: string, head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [head, ...rows.map(cells => cells.map(String))]
  const widths = head.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  const isNumber = head.map((_, column) => rows.every(cells => typeof cells[column] === 'number'))
  const text = lines.map(line =>
    line
      .map((cell, column) =>
        isNumber[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  return [`\n${title}`, ...text].join('\n  ')
}

function calls(title: string, { time, heap, turns }: Calls): string {
  return table(
    title,
    ['', 'µs', '× base', 'bytes more', 'turns'],
    Object.entries(time).map(([name, { value, ratio }]) => [
      name,
      times(value),
      times(ratio),
      Math.round(heap[name]?.added.median ?? 0),
      turns[name] ?? 0,
    ]),
  )
}

export function tables({ valid, burst, waiting, day, size, fleet }: Results): string[] {
  const printed: string[] = []
  if (valid) {
    printed.push(
      calls('A request with a valid token, no-op adapter (base: bare axios)', valid.axios),
      calls('The same with fetch, no-op fetch (base: bare wrapper)', valid.fetch),
      calls('A valid token alone (base: a variable)', valid.getAccessToken),
    )
  }
  for (const [kind, { bySize, growth }] of Object.entries(burst ?? {})) {
    for (const [count, { wire, cpu }] of Object.entries(bySize)) {
      printed.push(
        table(
          `${count} requests at once, ${kind} token (base: the only possible order)`,
          ['', 'requests', 'refreshes', 'lost', 'ms of CPU', '× base', 'growth'],
          Object.entries(cpu).map(([name, { value, ratio }]) => [
            name,
            wire[name]?.requests ?? 0,
            wire[name]?.refreshes ?? 0,
            wire[name]?.lost ?? 0,
            Number((value.median / 1_000).toFixed(2)),
            times(ratio),
            Number(growth[name]?.toFixed(3)),
          ]),
        ),
      )
    }
  }
  if (waiting) {
    printed.push(
      table(
        'Live heap per request',
        ['', '', 'bytes'],
        waiting.heap.map(({ name, kind, bytes }) => [name, kind, Math.round(bytes.median)]),
      ),
      table(
        'From the answer of the refresh to the requests that waited for it, ms',
        ['', 'first', 'last'],
        Object.entries(waiting.handOver).map(([name, { first, last }]) => [name, times(first), times(last)]),
      ),
    )
  }
  if (day) {
    printed.push(
      table(
        `A working day: ${day.requests} requests, ${day.least} refreshes at least`,
        ['', 'clock', 'refreshes', '401', 'lost', 'waited', 'seconds', 'occasions', 'while active'],
        Object.entries(day.contestants).flatMap(([name, clocks]) =>
          Object.entries(clocks).map(([clock, result]) => [
            name,
            clock,
            result.refreshes,
            result.refused,
            result.lost,
            result.waited,
            Math.round(result.seconds),
            result.waits,
            result.waitsWhileActive,
          ]),
        ),
      ),
    )
  }
  if (size) {
    printed.push(
      table(
        'Size, bytes',
        ['', 'minified', 'brotli'],
        [...Object.entries(size.tokenflight), ...Object.entries(size.peers)].map(([name, entry]) =>
          'failed' in entry ? [name, entry.failed, ''] : [name, entry.minified, entry.brotli],
        ),
      ),
    )
  }
  for (const [what, policies] of fleet
    ? ([
        ['storm', fleet.storm],
        ['outage', fleet.outage],
      ] as const)
    : []) {
    printed.push(
      table(
        `Fleet of ${fleet?.fleet.toLocaleString('en')}, ${what}`,
        ['', 'peak ÷ mean', 'under 1.3 after, min', 'load ÷ least'],
        Object.entries(policies).map(([name, { peak, calmAfter, load }]) => [
          name,
          Number(peak.toFixed(2)),
          calmAfter === undefined ? 'never' : (calmAfter / 60).toFixed(1),
          Number(load.toFixed(3)),
        ]),
      ),
    )
  }
  return printed
}
