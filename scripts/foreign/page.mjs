// Bundled with the browser tests of axios, after their own axios and before the tests. `SESSION` is set by the page.
import { createAuth } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { attachEach, counting, start } from './session.mjs'

let carried = 0
const header = counting(() => {
  carried += 1
  console.log(`# carried ${carried}`)
})
/** The tests wait for it. */
globalThis.ready = start(createAuth, globalThis.SESSION).then(auth => {
  const attach = instance => attachAuth(instance, auth, { header })
  attachEach(globalThis.axios, attach)
  // A test takes all interceptors off the instance that they share.
  globalThis.beforeEach(() => void attach(globalThis.axios))
})
