/** The progress of a call with two attempts, reported to the application as one sequence. */

/** A transfer beyond this many bytes is reported while it goes on; a refusal is rarely that long. */
const SMALL = 65_536
/** The first status of those that may be a refusal. */
const REFUSAL = 400

/** The parts of axios's progress event that matter here. */
interface Progress {
  /** Bytes transferred so far. */
  readonly loaded: number
  /** Bytes since the event before. */
  readonly bytes?: number
  /** The event of an `XMLHttpRequest`, which knows the status of a download. */
  readonly event?: unknown
}

type Listener<Event> = (event: Event) => void

/** The progress of one attempt. */
export interface AttemptProgress<Event> {
  readonly listener: Listener<Event>
  /** Shows the rest of an attempt that is the outcome, or nothing more of a refused one. */
  end(isOutcome: boolean): void
}

/** Begins an attempt. */
export type CallProgress<Event> = (isShown: boolean) => AttemptProgress<Event>

/**
 * Each attempt gets a listener of its own. The first one waits until a refusal is unlikely. A replay begins
 * anew, but shows only the bytes beyond those that were shown before.
 */
export function createProgress<Event extends Progress>(show: Listener<Event>): CallProgress<Event> {
  let shown = -1
  return isShown => {
    let kept: Event[] | undefined = isShown ? undefined : []
    let isRefused = false
    const pass = (event: Event): void => {
      const { loaded, bytes } = event
      if (isShown && loaded <= shown) return
      const isAhead = isShown && shown > 0 && bytes !== undefined
      const next = isAhead ? { ...event, bytes: loaded - shown } : event
      shown = loaded
      show(next)
    }
    const release = (): void => {
      const events = kept
      kept = undefined
      events?.forEach(pass)
    }
    return {
      listener(event) {
        if (isRefused) return
        if (!kept) return pass(event)
        kept.push(event)
        const { status } = ((event.event as { target?: unknown })?.target ?? {}) as { status?: number }
        if (status ? status < REFUSAL : event.loaded > SMALL) release()
      },
      end(isOutcome) {
        if (!isOutcome) isRefused = true
        // In a task of its own, so that a listener that throws does not fail the call.
        else void Promise.resolve().then(release)
      },
    }
  }
}
