// @ts-check
/** better-auth with its plug-in jwt, and an API that verifies the JWT with the public keys. The user is Ada, lovelace. */
import { createServer } from 'node:http'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { keepLog, load, port, save } from './log.js'

const baseURL = `http://127.0.0.1:${port}`

/** @type {Record<string, object[]>} */
const database = load({ user: [], session: [], account: [], verification: [], jwks: [] })
const isNew = !database['user']?.length

const auth = betterAuth({
  baseURL,
  secret: 'a key of a test, long enough for a server',
  database: memoryAdapter(database),
  emailAndPassword: { enabled: true },
  plugins: [jwt({ jwt: { expirationTime: '3s' } })],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
})
if (isNew)
  await auth.api.signUpEmail({ body: { name: 'Ada', email: 'ada@example.com', password: 'lovelace' } })
save(database)

const keys = createRemoteJWKSet(new URL(`${baseURL}/api/auth/jwks`))
const handle = toNodeHandler(auth)

createServer(async (request, response) => {
  keepLog(request, response, () => void save(database))
  if (request.url !== '/orders') return handle(request, response)
  const token = request.headers.authorization?.replace('Bearer ', '') ?? ''
  try {
    const { payload } = await jwtVerify(token, keys, { issuer: baseURL, audience: baseURL })
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ customer: payload['email'] }))
  } catch {
    response.statusCode = 401
    response.setHeader('WWW-Authenticate', 'Bearer error="invalid_token"').end()
  }
}).listen(port, '127.0.0.1')
