/** The figures of docs/benchmarks.md, made from results.json. */
import type { Row } from './rows.js'

/** The part of a run that the section shows. */
export interface Summary {
  readonly date: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string }
  readonly goals: readonly Row[]
}

export const BEGIN = '<!-- bench -->'
export const END = '<!-- /bench -->'

/** The rows that most people ask for; all of them are in results.json. */
const shown =
  /^(valid token|authFetch|getAccessToken|(expired|revoked) token, 1,000|heap .* revoked|working day, (right|1 h fast)|fleet, (login|outage, users act every 60))/

const pictures = [
  ['request', 'CPU time of a request with a valid token beside bare axios'],
  ['burst', 'CPU time of 1,000 requests at once with a dead token'],
  ['day', 'requests of a working day that failed or had to wait'],
  ['fleet', 'refreshes per second of a million sessions after a login storm and after an outage'],
] as const

export function figures({ date, machine, goals }: Summary): string {
  const missed = goals.filter(({ reached }) => !reached)
  return [
    '`npm run bench` measures tokenflight and other libraries in interleaved rounds of one run: medians with quartiles, CPU',
    `time as a ratio. On ${date}, ${machine.cores} cores of ${machine.cpu}, Node ${machine.node}:`,
    '',
    '| measure | least possible | best of the others | tokenflight |',
    '|---|---|---|---|',
    ...goals
      .filter(({ what }) => shown.test(what))
      .map(({ what, limit, peer, ours }) => `| ${what} | ${limit} | ${peer} | ${ours} |`),
    '',
    ...pictures.map(([name, text]) => `![${text}](images/bench-${name}.svg)`),
    '',
    `[All rows](../bench/results.json): ${goals.length - missed.length} of ${goals.length} goals are reached. Not yet:`,
    '',
    ...missed.map(({ what, ours, reach }) => `- ${what}: ${ours} (goal: ${reach})`),
  ].join('\n')
}

/** The document with these figures in place of the old ones. */
export function withFigures(document: string, summary: Summary): string {
  const [before, rest] = document.split(BEGIN)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error(`docs/benchmarks.md has no ${BEGIN} … ${END}`)
  return `${before}${BEGIN}\n\n${figures(summary)}\n\n${END}${after}`
}
