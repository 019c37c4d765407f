/** The parts of a request: one from each step to the next. */
import type { RequestMark } from './marks.js'

/**
 * `wait`: for an access token. `attempt`, `replay`: on its way to an answer. `refused`: on its way to a 401. `lost`: on
 * its way, without an answer. `unsent`: it never left. `open`: not answered yet.
 */
export interface Part {
  readonly name: 'wait' | 'attempt' | 'replay' | 'refused' | 'lost' | 'unsent' | 'open'
  readonly from: number
  readonly to: number
  readonly status?: number | undefined
}

export function partsOf({ steps, outcome }: RequestMark, now: number): Part[] {
  return steps.flatMap((step, index): Part[] => {
    if (step.phase === 'done' || step.phase === 'failed') return []
    const next = steps[index + 1]
    const part = { from: step.at, to: next?.at ?? now, status: next?.status }
    const isSent = step.phase === 'sent' || step.phase === 'replayed'
    if (!isSent) {
      if (next?.phase === 'failed') return [{ ...part, name: 'unsent' }]
      // A 401 that goes to the application ends here.
      return next?.phase === 'done' ? [] : [{ ...part, name: 'wait' }]
    }
    if (!next) return [{ ...part, name: 'open' }]
    if (next.phase === 'failed') return [{ ...part, name: 'lost' }]
    if (next.phase === 'rejected' || (outcome === 'refused' && next.phase === 'done'))
      return [{ ...part, name: 'refused' }]
    return [{ ...part, name: step.phase === 'sent' ? 'attempt' : 'replay' }]
  })
}
