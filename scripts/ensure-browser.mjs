// @ts-check
// Fails early and readably, before any test starts, when there is no browser to drive.
import { findBrowser, findFirefox } from './find-browser.mjs'

try {
  console.log(`Browsers: ${findBrowser()}, ${findFirefox()}`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
