// @ts-check
// Fails early and readably, before any test starts, when there is no browser to drive.
import { findBrowser } from './find-browser.mjs'

try {
  console.log(`Browser: ${findBrowser()}`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
