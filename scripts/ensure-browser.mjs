// @ts-check
// Finds or installs each browser before any test starts. Without Chromium it fails early and readably; a Firefox or a
// WebKit that cannot be had is named, and its tests are skipped.
import { ensureBrowser, findFirefox } from './find-browser.mjs'
import { findWebKit, webKitAdvice } from './find-webkit.mjs'

try {
  console.log(`Chromium: ${ensureBrowser()}`)
  console.log(`Firefox: ${attempt(findFirefox)}`)
  console.log(`WebKit: ${findWebKit()?.browser ?? webKitAdvice}`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

/** @param {() => string} find */
function attempt(find) {
  try {
    return find()
  } catch (error) {
    return `${error instanceof Error ? error.message : error}\nThe tests in Firefox are skipped.`
  }
}
