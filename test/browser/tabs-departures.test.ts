import type { DepartureCase } from '../support/tabs-departures.js'
import { testCases } from '../support/tabs-departures-suite.js'

/**
 * One round of each way to go away, at both moments, with a cookie and without; `npm run test:slow -- departures` plays
 * all cases, in Firefox too.
 */
const daily: readonly DepartureCase[] = [
  { departure: 'close', storage: 'indexedDB', moment: 'before', graceWindow: 0 },
  { departure: 'crash', storage: 'web', moment: 'after', graceWindow: 30_000 },
  { departure: 'reload', storage: 'cookie', moment: 'after', graceWindow: 0 },
  { departure: 'navigate', storage: 'cookie', moment: 'before', graceWindow: 0 },
]
testCases('chromium', daily, 1)
