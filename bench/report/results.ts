/** The shape of the output of the suites. */
import type { Histogram } from '../fleet/histogram.js'
import type { Measured } from '../lib/measure.js'
import type { Sample } from '../lib/statistics.js'

export type ByName<Value> = Record<string, Value>

export interface Calls {
  time: ByName<Measured>
  heap: ByName<Measured>
  turns: ByName<number>
}

export interface BurstResult {
  wire: ByName<{ requests: number; refreshes: number; lost: number }>
  cpu: ByName<Measured>
}

export interface DayResult {
  refreshes: number
  refused: number
  lost: number
  waited: number
  seconds: number
  waits: number
  waitsWhileActive: number
}

export type Size = { minified: number; brotli: number } | { failed: string }

export interface FleetResult {
  histogram: Histogram
  mean: number
  peak: number
  /** Seconds; left out: never within the six hours. */
  calmAfter?: number
  load: number
}

export interface Results {
  valid?: { axios: Calls; fetch: Calls; getAccessToken: Calls }
  burst?: Record<'expired' | 'revoked', { bySize: Record<string, BurstResult>; growth: ByName<number> }>
  waiting?: {
    heap: { name: string; kind: 'in flight' | 'expired' | 'revoked'; bytes: Sample }[]
    handOver: ByName<{ first: Sample; last: Sample }>
  }
  day?: { requests: number; least: number; contestants: ByName<ByName<DayResult>> }
  size?: { tokenflight: ByName<Size>; peers: ByName<Size> }
  fleet?: {
    fleet: number
    sample: number
    least: number
    storm: ByName<FleetResult & { peakAfter15Minutes: number; sampled?: { peak: number; load: number } }>
    outage: ByName<FleetResult & { waits?: number; refused?: number }>
  }
}
