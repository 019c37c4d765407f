/** A body that waits with its request: a failure of it ends the wait. */

import { isStream } from './body.js'

/** A stream of Node, as far as its failure is concerned. */
interface NodeStream {
  readonly destroyed?: boolean
  readonly errored?: unknown
  on(event: string, listener: (error?: unknown) => void): void
  removeListener(event: string, listener: (error?: unknown) => void): void
}

/**
 * The promise, unless the body that waits for it fails first: nothing else listens to a stream that is not read yet.
 * @param explain makes the error; it gets undefined if the stream was destroyed without one
 */
export function whileIntact<T>(
  body: unknown,
  promise: Promise<T>,
  explain: (cause: unknown) => unknown,
): Promise<T> {
  if (!isStream(body)) return promise
  return new Promise<T>((resolve, reject) => {
    const fail = (cause: unknown): void => reject(explain(cause))
    const isWeb = 'getReader' in (body as object)
    const release = isWeb ? watchWeb(body as ReadableStream, fail) : watchNode(body as NodeStream, fail)
    promise.then(
      value => {
        if (release()) resolve(value)
      },
      error => {
        // The listener of Node stays: without a listener, an error of the stream would end the process.
        if (isWeb) release()
        reject(error)
      },
    )
  })
}

/** The error of Node for a stream that was destroyed without one. */
export function closedEarly(): Error {
  return Object.assign(new Error('Premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
}

/** Returns a function that stops the watch. Its result: whether the stream is intact. */
function watchNode(stream: NodeStream, fail: (cause: unknown) => void): () => boolean {
  if (typeof stream.on !== 'function') return () => true
  const close = (): void => fail(stream.errored ?? undefined)
  stream.on('error', fail)
  stream.on('close', close)
  if (stream.destroyed) close()
  return () => {
    // Its events are still to come.
    if (stream.destroyed) close()
    else {
      stream.removeListener('error', fail)
      stream.removeListener('close', close)
    }
    return !stream.destroyed
  }
}

/** A web stream is watched by a reader, whose lock must be released before the stream is sent. */
function watchWeb(stream: ReadableStream, fail: (cause: unknown) => void): () => boolean {
  if (stream.locked) return () => true
  const reader = stream.getReader()
  // Releasing the lock rejects it, too, when the wait is over.
  reader?.closed?.catch(fail)
  return () => {
    reader?.releaseLock()
    return true
  }
}
