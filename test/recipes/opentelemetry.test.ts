/** The recipe for OpenTelemetry, against the real SDK: the spans that are exported. */
import { diag, SpanStatusCode, trace } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { type AuthOptions, createAuth } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { expect, it, onTestFinished, vi } from 'vitest'
import { deferred } from '../support/axios.js'
import { tokens } from '../support/hooks.js'
import { traceSession } from './opentelemetry.js'

const API = 'https://api.example.test'

/** A session that is traced, and a server that gives `answers`, then 200. */
function scene(options: AuthOptions = {}, answers: (number | Promise<Response>)[] = []) {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  trace.setGlobalTracerProvider(provider)
  const auth = createAuth({ refresh: async () => tokens(), retry: 0, ...options })
  const stop = traceSession(auth)
  onTestFinished(() => {
    stop()
    auth.dispose()
    trace.disable()
  })
  const api = authFetch(auth, {
    allowedOrigins: [API],
    fetch: async () => {
      const answer = answers.shift() ?? 200
      return typeof answer === 'number' ? new Response('secret-body', { status: answer }) : answer
    },
  })
  const spans = () =>
    exporter.getFinishedSpans().map(span => ({
      name: span.name,
      status: span.status.code,
      attributes: span.attributes,
      events: span.events.map(({ name }) => name),
      ms: Math.round(span.duration[0] * 1000 + span.duration[1] / 1e6),
      exceptions: span.events.flatMap(event => (event.name === 'exception' ? [event.attributes] : [])),
    }))
  return { auth, api, stop, spans, raw: () => exporter.getFinishedSpans() }
}

it('a request is one span, from the call to the answer, with its refusal and its replay', async () => {
  const { auth, api, spans } = scene({}, [401])
  await auth.login(tokens())
  await api(`${API}/orders?page=2`, { method: 'POST', body: '{}' })
  const [, refreshed, request, ...rest] = spans()
  expect(rest).toEqual([])
  expect(refreshed?.name).toBe('tokenflight.refreshed')
  expect(request).toMatchObject({
    name: 'tokenflight.request',
    status: SpanStatusCode.UNSET,
    attributes: {
      'http.request.method': 'POST',
      'url.full': `${API}/orders`,
      'http.response.status_code': 200,
      'tokenflight.client': 'fetch',
    },
    events: ['sent', 'rejected', 'replayed'],
  })
})

it('a request without an answer, or with the status of an error, is an error', async () => {
  const { auth, api, spans } = scene({}, [Promise.reject(new TypeError('secret-reason')), 500, 404])
  await auth.login(tokens())
  await api(`${API}/a`).catch(() => {})
  await api(`${API}/b`)
  await api(`${API}/c`)
  expect(
    spans()
      .slice(1)
      .map(({ status }) => status),
  ).toEqual(Array(3).fill(SpanStatusCode.ERROR))
})

it('a refresh is a span as long as the refresh took', async () => {
  let now = Date.now()
  const { auth, spans } = scene({
    clock: { now: () => now, monotonic: () => now },
    refresh: async () => {
      now += 750
      return tokens()
    },
  })
  await auth.login(tokens())
  await auth.refresh()
  expect(spans()[1]).toMatchObject({
    name: 'tokenflight.refreshed',
    ms: 750,
    attributes: {
      'tokenflight.reason': 'manual',
      'tokenflight.attempts': 1,
      'tokenflight.source': 'network',
    },
  })
})

it('a refresh that fails is an error with its class and code', async () => {
  const { auth, spans } = scene({
    refresh: () => Promise.reject(Object.assign(new Error('secret-reason'), { status: 503 })),
  })
  await auth.login(tokens())
  await auth.refresh().catch(() => {})
  expect(spans()[1]).toMatchObject({
    name: 'tokenflight.refreshFailed',
    status: SpanStatusCode.ERROR,
    attributes: { 'tokenflight.class': 'transient', 'tokenflight.attempts': 1 },
    exceptions: [{ 'exception.type': 'ERR_REFRESH_FAILED' }],
  })
})

it('login, logout and the end of a session are spans', async () => {
  const { auth, spans } = scene({
    refresh: () =>
      Promise.reject(Object.assign(new Error('refused'), { status: 400, data: { error: 'invalid_grant' } })),
  })
  await auth.login(tokens())
  await auth.logout()
  await auth.login(tokens())
  await auth.refresh().catch(() => {})
  expect(spans().map(({ name }) => name)).toEqual([
    'tokenflight.login',
    'tokenflight.logout',
    'tokenflight.login',
    'tokenflight.sessionExpired',
  ])
  expect(spans()[3]?.attributes).toEqual({ 'tokenflight.reason': 'refresh_rejected' })
})

it('no span holds a token, a query, a body or words of the refresh function', async () => {
  const { auth, api, raw } = scene(
    {
      refresh: ({ refreshToken, accessToken }) =>
        Promise.reject(new Error(`No good: ${refreshToken} ${accessToken} secret-word`)),
    },
    [401],
  )
  auth.on('login', () => {
    throw new Error('secret-listener')
  })
  // The SDK complains of an attribute that is neither a text nor a number.
  const warn = vi.fn()
  diag.setLogger({ warn, error: warn, info() {}, debug() {}, verbose() {} })
  onTestFinished(() => diag.disable())
  const answer = tokens()
  await auth.login(answer)
  const accessToken = (await auth.getAccessToken()) ?? 'none'
  await api(`${API}/orders?key=secret-query`, { method: 'POST', body: 'secret-body' }).catch(() => {})
  const text = JSON.stringify(
    raw().map(({ name, attributes, events, status, links }) => ({ name, attributes, events, status, links })),
  )
  expect(text).toContain('/orders')
  expect(text).toContain('tokenflight.warning')
  for (const secret of ['secret-', accessToken, answer.refresh_token ?? 'none'])
    expect(text).not.toContain(secret)
  expect(warn).not.toHaveBeenCalled()
})

it('ends the spans of requests that are under way when it is stopped, and makes no more', async () => {
  const pending = deferred<Response>()
  const { auth, api, stop, spans } = scene({}, [pending.promise])
  await auth.login(tokens())
  const call = api(`${API}/orders`)
  await expect.poll(() => spans().length).toBe(1)
  stop()
  expect(spans().map(({ name }) => name)).toEqual(['tokenflight.login', 'tokenflight.request'])
  pending.resolve(new Response('ok'))
  await call
  await auth.logout()
  expect(spans()).toHaveLength(2)
})
