// @ts-check
/** Express with @node-oauth/oauth2-server, and a model as its documentation asks for. The user is ada, lovelace. */
import OAuth2Server from '@node-oauth/oauth2-server'
import express from 'express'
import { keepLog, load, port, save } from './log.js'

const { Request, Response } = OAuth2Server
const client = { id: 'spa', grants: ['password', 'refresh_token'] }

/** @type {Record<'access' | 'refresh', Map<string, OAuth2Server.Token>>} */
const tokens = load({ access: new Map(), refresh: new Map() })

const server = new OAuth2Server({
  accessTokenLifetime: 3,
  requireClientAuthentication: { password: false, refresh_token: false },
  model: {
    getClient: async id => (id === client.id ? client : undefined),
    getUser: async (username, password) =>
      username === 'ada' && password === 'lovelace' ? { username } : undefined,
    async saveToken(token, owner, user) {
      const saved = { ...token, client: owner, user }
      tokens.access.set(saved.accessToken, saved)
      if (saved.refreshToken) tokens.refresh.set(saved.refreshToken, saved)
      save(tokens)
      return saved
    },
    getAccessToken: async token => tokens.access.get(token),
    getRefreshToken: async token => /** @type {OAuth2Server.RefreshToken} */ (tokens.refresh.get(token)),
    async revokeToken({ refreshToken }) {
      const isRevoked = tokens.refresh.delete(refreshToken)
      save(tokens)
      return isRevoked
    },
  },
})

const app = express()
app.use(express.urlencoded({ extended: false }))
app.use((request, response, next) => {
  keepLog(request, response, () => request.body.grant_type)
  next()
})

/**
 * @param {express.Response} to
 * @param {OAuth2Server.Response} answer
 */
const send = (to, { status = 500, headers = {}, body }) => to.status(status).set(headers).send(body)

app.post('/oauth/token', async (request, response) => {
  const answer = new Response(response)
  await server.token(new Request(request), answer).catch(({ code }) => {
    answer.status = code
  })
  send(response, answer)
})

// The package has no endpoint for RFC 7009.
app.post('/oauth/revoke', (request, response) => {
  tokens.refresh.delete(request.body.token)
  tokens.access.delete(request.body.token)
  save(tokens)
  response.end()
})

app.get('/orders', async (request, response) => {
  const answer = new Response(response)
  try {
    const { user } = await server.authenticate(new Request(request), answer)
    response.json({ customer: user['username'] })
  } catch (error) {
    const { code, name, message } = /** @type {OAuth2Server.OAuthError} */ (error)
    response
      .status(code)
      .set(answer.headers ?? {})
      .json({ error: name, error_description: message })
  }
})

app.listen(port, '127.0.0.1')
