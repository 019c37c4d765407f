/** The steps of requests, as a listener of every event receives them. */
import type { Auth, RequestEvent } from 'tokenflight'

/** Adds a record of its steps to a stage. */
export function withSteps<S extends { readonly auth: Auth }>(
  on: S,
): S & { steps: RequestEvent[]; stop(): void } {
  const steps: RequestEvent[] = []
  const stop = on.auth.on('*', event => {
    if (event.type === 'request') steps.push(event)
  })
  return Object.assign(on, { steps, stop })
}

export const phases = (steps: readonly RequestEvent[]): string[] =>
  steps.map(({ phase, status }) => (status ? `${phase} ${status}` : phase))
