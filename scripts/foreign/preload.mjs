// Loaded before the tests of another project, beside which it is copied: attaches a session to each axios instance, or
// puts `authFetch` in the place of the global `fetch`.
import { appendFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { attachEach, counting, start } from './session.mjs'

const { client, session, system, origins, count } = JSON.parse(process.env.TOKENFLIGHT)
const require = createRequire(import.meta.url)
/** The tests, and with them tokenflight, share one axios: that of their module system. */
const load = name => (system === 'require' ? require(name) : import(name))
const { createAuth } = await load('tokenflight')
const auth = await start(createAuth, session)
const header = counting(() => appendFileSync(count, '.'))

if (client === 'axios') {
  // The page that relative URLs belong to.
  if (!origins) globalThis.location = new URL('http://localhost/')
  const { attachAuth } = await load('tokenflight/axios')
  const { default: axios } = await load('axios')
  attachEach(axios, instance => attachAuth(instance, auth, { allowedOrigins: origins, header }))
} else {
  const { authFetch } = await load('tokenflight/fetch')
  const platform = globalThis.fetch
  const clients = new Map()
  // Each test starts a server of its own: every origin is allowed.
  globalThis.fetch = (input, init) => {
    const origin = /^https?:\/\/[^/?#]+/.exec(input?.url ?? input)?.[0]
    if (!clients.has(origin)) {
      const allowedOrigins = origin && [origin]
      clients.set(origin, authFetch(auth, { allowedOrigins, fetch: platform, header }))
    }
    return clients.get(origin)(input, init)
  }
}
