// @vitest-environment happy-dom
/** The recipe for Sentry, against the real SDK: the messages that reach its server. */
import * as Sentry from '@sentry/browser'
import { type AuthOptions, createAuth } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { afterEach, expect, it, onTestFinished } from 'vitest'
import { tokens } from '../support/hooks.js'
import { beforeSend, reportToSentry } from './sentry.js'

const API = 'https://api.example.test'

afterEach(() => Sentry.close())

/** A session that is reported; `sent` are the events that reached Sentry, and `text` is every byte of them. */
async function scene(options: AuthOptions = {}) {
  let text = ''
  const sent: Sentry.Event[] = []
  Sentry.init({
    dsn: 'https://key@sentry.example.test/1',
    beforeSend,
    transport: transportOptions =>
      Sentry.createTransport(transportOptions, async ({ body }) => {
        text += body
        const [, header = '{}', payload = '{}'] = String(body).split('\n')
        if (JSON.parse(header).type === 'event') sent.push(JSON.parse(payload))
        return { statusCode: 200 }
      }),
  })
  Sentry.getIsolationScope().clearBreadcrumbs()
  const auth = createAuth({ refresh: async () => tokens(), retry: 0, ...options })
  const stop = reportToSentry(auth)
  onTestFinished(() => {
    stop()
    auth.dispose()
  })
  return {
    auth,
    stop,
    /** The reports that were sent until now. */
    async flush() {
      await Sentry.flush()
      return sent
    },
    text: () => text,
  }
}

const crumbs = ({ breadcrumbs = [] }: Sentry.Event = {}) =>
  breadcrumbs
    .filter(({ category }) => category === 'auth')
    .map(({ message, level, data }) => ({ message, level, data }))

it('an error of the application comes with the events of the session before it', async () => {
  const { auth, flush } = await scene()
  await auth.login(tokens())
  await auth.refresh()
  await auth.logout()
  Sentry.captureException(new Error('Something broke'))
  const [event] = await flush()
  expect(crumbs(event)).toEqual([
    { message: 'login', level: 'info', data: {} },
    {
      message: 'refreshed',
      level: 'info',
      data: { reason: 'manual', attempts: 1, source: 'network', duration: expect.any(Number) },
    },
    { message: 'logout', level: 'info', data: { source: 'local' } },
  ])
})

it('a request is a breadcrumb only where the server refused its token', async () => {
  const { auth, flush } = await scene()
  const answers = [200, 401, 200]
  const api = authFetch(auth, {
    allowedOrigins: [API],
    fetch: async () => new Response(null, { status: answers.shift() ?? 200 }),
  })
  await auth.login(tokens())
  await api(`${API}/orders`)
  await api(`${API}/orders?page=2`)
  Sentry.captureException(new Error('Something broke'))
  const [event] = await flush()
  expect(crumbs(event).map(({ message }) => message)).toEqual(['login', 'request', 'refreshed'])
  expect(crumbs(event)[1]).toMatchObject({
    level: 'warning',
    data: { phase: 'rejected', method: 'GET', url: `${API}/orders`, status: 401 },
  })
})

it('a refresh that can never succeed is an issue, one for all its causes', async () => {
  const { auth, flush } = await scene({
    refresh: () => Promise.reject(Object.assign(new Error('Not found'), { status: 404 })),
  })
  await auth.login(tokens())
  await auth.refresh().catch(() => {})
  const sent = await flush()
  expect(sent).toHaveLength(1)
  expect(sent[0]?.exception?.values).toMatchObject([{ type: 'RefreshFailedError' }])
  expect(sent[0]?.fingerprint).toEqual(['tokenflight', 'ERR_REFRESH_FAILED'])
})

it('a server that is down, a session that ends and a logout are no issues', async () => {
  let status = 503
  const { auth, flush } = await scene({
    refresh: () =>
      Promise.reject(Object.assign(new Error('refused'), { status, data: { error: 'invalid_grant' } })),
  })
  await auth.login(tokens())
  await auth.refresh().catch(() => {})
  status = 400
  await auth.refresh().catch(error => Sentry.captureException(error))
  await auth.login(tokens())
  const waiting = auth.refresh()
  await auth.logout()
  await waiting.catch(error => Sentry.captureException(error))
  expect(await flush()).toEqual([])
})

it('a warning is an issue of the level warning', async () => {
  const { auth, flush } = await scene()
  auth.on('login', () => {
    throw new Error('A listener broke')
  })
  await auth.login(tokens())
  expect(await flush()).toMatchObject([{ level: 'warning', message: expect.stringContaining('listener') }])
})

it('nothing that is sent holds a token, a query, or words of the refresh function', async () => {
  const { auth, flush, text } = await scene({
    refresh: ({ refreshToken, accessToken }) =>
      Promise.reject(
        Object.assign(new Error(`No good: ${refreshToken} ${accessToken} secret-word`), {
          status: 404,
          body: { token: refreshToken },
        }),
      ),
  })
  const api = authFetch(auth, {
    allowedOrigins: [API],
    fetch: async () => new Response('secret-body', { status: 401 }),
  })
  auth.on('login', () => {
    throw new Error('secret-listener')
  })
  const answer = tokens()
  await auth.login(answer)
  const accessToken = (await auth.getAccessToken()) ?? 'none'
  await api(`${API}/orders?key=secret-query`).catch(error => Sentry.captureException(error))
  await auth.refresh().catch(error => Sentry.captureException(error))
  Sentry.captureException(new Error('Something broke'))
  expect((await flush()).length).toBeGreaterThan(1)
  expect(text()).toContain('/orders')
  for (const secret of ['secret-', accessToken, answer.refresh_token ?? 'none'])
    expect(text()).not.toContain(secret)
})

it('nothing is reported any more once it was stopped', async () => {
  const { auth, stop, flush } = await scene()
  stop()
  await auth.login(tokens())
  Sentry.captureException(new Error('Something broke'))
  expect(crumbs((await flush())[0])).toEqual([])
})
