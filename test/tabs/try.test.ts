import fc from 'fast-check'
import { appendFileSync, readFileSync } from 'node:fs'
import { it } from 'vitest'
import { graceScenario, PLATFORMS, POOR_PLATFORMS, type Scenario, strictScenario } from '../support/tabs-scenario.js'
import { simulate } from './simulator.js'
const runs = Number(process.env.RUNS ?? 100)
const seed = Number(process.env.SEED ?? 1)
const which = process.env.WHICH ?? 'strict'
const trace = process.env.TRACE
const arb = which === 'strict' ? strictScenario : which === 'grace' ? graceScenario(PLATFORMS) : graceScenario(POOR_PLATFORMS)
it('tries', async () => {
  if (trace) {
    const scenario = /^\d/.test(trace) ? readFileSync('/tmp/x/bad.jsonl', 'utf8').split('\n')[Number(trace)]! : trace
    const report = await simulate(JSON.parse(scenario) as Scenario)
    console.log(report.trace.join('\n'), JSON.stringify({ ...report, trace: 0 }))
    return
  }
  const began = performance.now()
  const kinds: Record<string, number> = {}
  let bad = 0
  let strict = 0
  const samples = fc.sample(arb, { numRuns: runs, seed })
  for (const scenario of samples) {
    const report = await simulate(scenario)
    if (!report.losses) strict++
    if (report.violations.length) {
      bad++
      appendFileSync('/tmp/x/bad.jsonl', `${JSON.stringify(scenario)}\n`)
      for (const v of report.violations) {
        const k = `${scenario.storage}/${scenario.lock}: ${v.replace(/\d+/g, 'N')}`
        if (!kinds[k]) console.log('#', bad - 1, k)
        kinds[k] = (kinds[k] ?? 0) + 1
      }
    }
  }
  console.log(which, 'runs', runs, 'bad', bad, 'without losses', strict, (performance.now() - began).toFixed(), 'ms', kinds)
}, 600000)
