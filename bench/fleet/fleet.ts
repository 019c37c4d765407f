/** A fleet of a million sessions: a login storm, and an outage of the auth server. */
import { seeded } from '../lib/statistics.js'
import { calmAfter, type Histogram, meanRate, peakRate } from './histogram.js'
import { simulateMillion } from './million.js'
import { others, simulateOther } from './others.js'
import { simulateSample } from './sample.js'
import { DURATION, LIFETIME, type Scenario, WINDOW } from './scenario.js'

const FLEET = Number(process.env['FLEET'] ?? 1_000_000)
/** Simulated sessions where whole `Auth`s are driven. */
const SAMPLE = Number(process.env['FLEET_SAMPLE'] ?? 4_000)
/** Seconds per bin: short enough for the load of an auth server, and coarse enough for the noise of a sample. */
const FINE = 10
const COARSE = 60

const STORM: Scenario = { sessions: FLEET, duration: DURATION, lifetime: LIFETIME, loginsWithin: 60 }
/** Its sessions have long been out of step when it comes. */
const OUTAGE: Scenario = {
  sessions: FLEET,
  duration: DURATION,
  lifetime: LIFETIME,
  loginsWithin: LIFETIME - WINDOW,
  outage: { from: 3_600, to: 4_200 },
}
const BACK = OUTAGE.outage?.to ?? 0

/** A refresh at the begin of every window: later is too late. */
const LEAST = FLEET / (LIFETIME - WINDOW)

/** Everything after the first lifetime counts: before it, logins take the place of refreshes. */
function ofStorm(histogram: Histogram, noise?: Histogram) {
  const mean = meanRate(histogram)
  return {
    histogram,
    mean,
    peak: peakRate(histogram) / mean,
    peakAfter15Minutes: peakRate(histogram, 900) / mean,
    calmAfter: calmAfter(histogram, 1.3 * mean),
    load: mean / LEAST,
    ...(noise && { sampled: { peak: peakRate(noise) / meanRate(noise), load: meanRate(noise) / LEAST } }),
  }
}

function ofOutage(histogram: Histogram, fine: Histogram) {
  const mean = meanRate(histogram, LIFETIME, 3_600)
  return {
    histogram,
    mean,
    peak: peakRate(fine, BACK) / mean,
    calmAfter: calmAfter(histogram, 1.3 * mean, BACK),
    load: meanRate(histogram, BACK) / LEAST,
  }
}

Math.random = seeded(7)
const storm: Record<string, ReturnType<typeof ofStorm>> = {}
const outage: Record<string, ReturnType<typeof ofOutage> & { waits?: number; refused?: number }> = {}
for (const [name, policy] of Object.entries(others)) {
  storm[name] = ofStorm(simulateOther(STORM, policy).histogram(FINE))
  const counter = simulateOther(OUTAGE, policy)
  outage[name] = ofOutage(counter.histogram(COARSE), counter.histogram(5))
}
for (const spread of [false, true]) {
  const name = spread ? 'tokenflight, spread' : 'tokenflight'
  const scale = FLEET / SAMPLE
  const sampled = await simulateSample({ ...STORM, sessions: SAMPLE / 4 }, spread)
  // Where all sessions stay in step, a quarter of them shows the same.
  const sessions = spread ? FLEET : FLEET / 4
  storm[name] = ofStorm(
    simulateMillion({ ...STORM, sessions }, spread).histogram(FINE, FLEET / sessions),
    sampled.granted.histogram(COARSE, 4 * scale),
  )
  for (const actsEvery of spread ? [0, 120, 60] : [0, 60]) {
    const { granted, asked, waits, refusedAfter } = await simulateSample(
      { ...OUTAGE, sessions: SAMPLE, ...(actsEvery && { actsEvery }) },
      spread,
    )
    outage[`${name}${actsEvery ? `, users act every ${actsEvery} s` : ', nobody acts'}`] = {
      ...ofOutage(granted.histogram(COARSE, scale), asked.histogram(5, scale)),
      waits: waits.length / SAMPLE,
      refused: refusedAfter / SAMPLE,
    }
  }
}
process.stdout.write(
  JSON.stringify({ fleet: FLEET, sample: SAMPLE, least: LEAST, outageSeconds: OUTAGE.outage, storm, outage }),
)
