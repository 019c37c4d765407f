/** Prints the tables; after a complete run it writes results.json and the figures of docs/benchmarks.md, and draws the plots. */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { withFigures } from './figures.js'
import { bars, rates } from './plot.js'
import type { Results } from './results.js'
import { goals } from './rows.js'
import { table, tables } from './tables.js'

interface Manifest {
  version: string
}

/** The version of everything that was measured. */
function versions(folder: string): Record<string, string> {
  const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
  const { dependencies } = read(`${folder}package.json`) as { dependencies: Record<string, string> }
  const axios = read(`${folder}../node_modules/axios/package.json`) as Manifest
  const own = read(`${folder}../package.json`) as Manifest
  return { tokenflight: own.version, axios: axios.version, ...dependencies }
}

function machine(): { cpu: string; cores: number; node: string } {
  const all = cpus()
  return { cpu: all[0]?.model.trim() ?? 'unknown', cores: all.length, node: process.version }
}

function plots({ valid, burst, day, size, fleet }: Results, note: string): Record<string, string> {
  const drawn: Record<string, string> = {}
  if (valid) {
    drawn['request'] = bars(
      'A request with a valid token, × bare axios',
      `CPU time, median and quartiles. ${note}`,
      Object.entries(valid.axios.time).map(([label, { ratio }]) => ({
        label,
        value: ratio.median,
        low: ratio.low,
        high: ratio.high,
        text: ratio.median.toFixed(2),
      })),
    )
  }
  if (burst) {
    drawn['burst'] = bars(
      '1,000 requests at once with a dead token, × the only possible order',
      `CPU time, median and quartiles; in brackets what was lost. ${note}`,
      (['expired', 'revoked'] as const).flatMap(kind => {
        const { wire, cpu } = burst[kind].bySize['1000'] ?? { wire: {}, cpu: {} }
        return Object.entries(cpu)
          .filter(([name]) => !name.includes('fetch') && name !== 'the only possible order')
          .map(([name, { ratio }]) => ({
            label: `${name.replace(', deduplicateRefresh:', ', dedupe')} · ${kind}`,
            value: ratio.median,
            low: ratio.low,
            high: ratio.high,
            text: `${ratio.median.toFixed(2)}${wire[name]?.lost ? ` (${wire[name].lost})` : ''}`,
          }))
      }),
    )
  }
  if (day) {
    drawn['day'] = bars(
      `A working day of ${day.requests.toLocaleString('en')} requests: those that failed or had to wait`,
      `Virtual clock, access token of 5 minutes. ${note}`,
      Object.entries(day.contestants).flatMap(([name, clocks]) =>
        Object.entries(clocks)
          // The clock of the device is nothing to those that read none.
          .filter(([clock]) => clock === 'right clock' || /^(axios-jwt|tokenflight)$/.test(name))
          .filter(() => !/^tokenflight./.test(name))
          .map(([clock, { lost, waited }]) => ({
            label: `${name.replace(', deduplicateRefresh:', ', dedupe').replace(' (fetch)', '')} · ${clock}`,
            value: Math.max(lost, waited),
            text: `${waited} waited${lost ? `, ${lost} lost` : ''}`,
          })),
      ),
    )
  }
  if (size) {
    drawn['size'] = bars(
      'Size, minified and brotli, kB',
      `Peers: the import that an application would write. ${note}`,
      [
        ...['core + axios + memory', 'core + axios + webStorage'].map(
          shape => [`tokenflight: ${shape}`, size.tokenflight[shape]] as const,
        ),
        ...Object.entries(size.peers),
      ].flatMap(([label, entry]) =>
        entry && 'brotli' in entry
          ? [{ label, value: entry.brotli / 1_000, text: (entry.brotli / 1_000).toFixed(1) }]
          : [],
      ),
    )
  }
  if (fleet) {
    const lines = (policies: typeof fleet.storm | typeof fleet.outage) =>
      Object.entries(policies)
        .filter(([name]) => !name.includes('act'))
        .map(([name, { histogram }]) => ({
          label: name.replace(', nobody acts', ''),
          // A plot is some hundred points wide.
          ...coarser(histogram, 60),
        }))
    const nobody = Object.fromEntries(
      Object.entries(fleet.outage).map(([name, entry]) => [name.replace(', nobody acts', ''), entry]),
    )
    drawn['fleet'] = rates(
      'Refreshes per second of a million sessions (access token of 15 minutes)',
      note,
      [
        { title: 'All users log in within a minute', lines: lines(fleet.storm) },
        { title: 'The auth server is gone from 1:00 h to 1:10 h', lines: lines(nobody) },
      ],
      6,
    )
  }
  return drawn
}

function coarser({ width, rates: values }: { width: number; rates: readonly number[] }, to: number) {
  const step = Math.max(1, Math.round(to / width))
  const means = Array.from({ length: Math.floor(values.length / step) }, (_, bin) => {
    const part = values.slice(bin * step, (bin + 1) * step)
    return part.reduce((sum, value) => sum + value, 0) / part.length
  })
  return { width: width * step, rates: means }
}

/**
 * @param folder of the bench, with its slash
 * @param isComplete whether all suites ran: only then the run is written down
 */
export function report(results: Results, folder: string, isComplete: boolean): void {
  for (const text of tables(results)) console.log(text)
  const rows = goals(results)
  console.log(
    table(
      'Goals',
      ['what', 'limit', 'peer', 'ours', 'reach', 'reached'],
      rows.map(({ what, limit, peer, ours, reach, reached }) => [
        what,
        limit,
        peer.length > 60 ? `${peer.slice(0, 59)}…` : peer,
        ours,
        reach,
        reached ? 'yes' : 'NO',
      ]),
    ),
  )
  console.log(`\n${rows.filter(({ reached }) => reached).length} of ${rows.length} goals reached`)
  const date = new Date().toISOString().slice(0, 10)
  const { cpu, cores, node } = machine()
  const note = `${cpu}, ${cores} cores, Node ${node}, ${date}`
  console.log(note)
  if (!isComplete) return
  const summary = { date, machine: machine(), versions: versions(folder), goals: rows, results }
  // The plots show them; six hours second by second are not for a file that people read.
  const text = JSON.stringify(
    summary,
    (key, value: unknown) =>
      key === 'histogram' ? undefined : typeof value === 'number' ? Number(value.toPrecision(5)) : value,
    2,
  )
  writeFileSync(`${folder}results.json`, `${text}\n`)
  const document = `${folder}../docs/benchmarks.md`
  writeFileSync(document, withFigures(readFileSync(document, 'utf8'), summary))
  for (const [name, svg] of Object.entries(plots(results, note)))
    writeFileSync(`${folder}../docs/images/bench-${name}.svg`, svg)
}
