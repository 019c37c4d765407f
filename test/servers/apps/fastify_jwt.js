// @ts-check
/** Fastify with @fastify/jwt and its cookie, as the documentation of the plug-in has them. The user is ada, lovelace. */
import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import { keepLog, port } from './log.js'

const LIFETIME = '3s'

const app = Fastify()
app.addHook('onRequest', async ({ raw }, reply) => keepLog(raw, reply.raw))
await app.register(cookie)
await app.register(jwt, {
  secret: 'a key of a test, long enough for HS256',
  cookie: { cookieName: 'refreshToken', signed: false },
  sign: { expiresIn: LIFETIME },
})

app.post('/login', async (request, reply) => {
  const { username, password } = /** @type {{ username: string, password: string }} */ (request.body)
  if (username !== 'ada' || password !== 'lovelace') return reply.code(401).send({ message: 'Unauthorized' })
  const refreshToken = await reply.jwtSign({ sub: username }, { sign: { expiresIn: '1h' } })
  reply.setCookie('refreshToken', refreshToken, { path: '/', httpOnly: true, sameSite: 'strict' })
  return { token: await reply.jwtSign({ sub: username }) }
})

app.post('/refresh', async (request, reply) => {
  const { sub } = /** @type {{ sub: string }} */ (await request.jwtVerify({ onlyCookie: true }))
  return { token: await reply.jwtSign({ sub }) }
})

app.post('/logout', async (_request, reply) => {
  reply.clearCookie('refreshToken', { path: '/' })
  return {}
})

app.get('/orders', async request => {
  const { sub } = /** @type {{ sub: string }} */ (await request.jwtVerify())
  return { customer: sub }
})

await app.listen({ host: '127.0.0.1', port })
