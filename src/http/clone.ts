/** A clone of each answer, so that `shouldRefresh` may read the body. */

import { isPromise } from '../core/waiting.js'
import { discard } from './body.js'

type ShouldRefresh = (response: Response) => boolean | Promise<boolean>

/** The function of the application, which gets a clone of the answer; any other value is passed unchanged. */
export function onClone(shouldRefresh: ShouldRefresh | undefined): ShouldRefresh | undefined {
  if (typeof shouldRefresh !== 'function') return shouldRefresh
  return response => {
    const clone = cloneOf(response)
    let answer: boolean | Promise<boolean> | undefined
    const release = (): void => {
      // The unread rest of the clone would stay in memory for as long as the answer is read.
      if (clone !== response) discard(clone.body)
    }
    try {
      answer = shouldRefresh(clone)
    } finally {
      if (isPromise(answer)) answer = Promise.resolve(answer).finally(release)
      else release()
    }
    return answer
  }
}

/** Itself where it cannot be cloned: its body is read already, or it is no `Response` of the platform. */
function cloneOf(response: Response): Response {
  try {
    return response.clone()
  } catch {
    return response
  }
}
