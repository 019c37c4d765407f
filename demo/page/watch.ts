/** Reads the server's log: often while something happens, seldom while nothing does. */
import type { Backend } from './backend.js'
import type { Journal } from './journal.js'

const often = 200
const seldom = 1000
/** How long after a change the log is read often, in ms. */
const lively = 3000

export function watchLog(backend: Backend, journal: Journal): void {
  let changed = Date.now()
  let timer: ReturnType<typeof setTimeout> | undefined
  let isReading = false

  const read = async () => {
    isReading = true
    try {
      if (document.visibilityState === 'visible') journal.take(await backend.news())
    } catch {
      // The server is gone, or restarts: the next reading will tell.
    } finally {
      isReading = false
      timer = setTimeout(read, Date.now() - changed < lively ? often : seldom)
    }
  }
  journal.subscribe(() => {
    const isAsleep = Date.now() - changed > lively
    changed = Date.now()
    if (!isAsleep || isReading) return
    clearTimeout(timer)
    timer = setTimeout(read, often)
  })
  document.addEventListener('visibilitychange', () => {
    if (isReading) return
    clearTimeout(timer)
    timer = setTimeout(read, 0)
  })
  void read()
}
