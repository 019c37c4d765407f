/** A session in OpenTelemetry: one span for each request, and one for each event of the session. */
import { type Attributes, type Span, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Auth, AuthEvent, RequestEvent } from 'tokenflight'

/** Call it once, after the provider is registered. Gives back the function that stops it. */
export function traceSession<Claims>(auth: Auth<Claims, never>): () => void {
  const tracer = trace.getTracer('tokenflight')
  const requests = new Map<number, Span>()

  const step = ({ id, client, method, url, phase, status, at }: RequestEvent): void => {
    const attributes = { 'http.request.method': method, 'url.full': url, 'tokenflight.client': client }
    const span = requests.get(id) ?? tracer.startSpan('tokenflight.request', { startTime: at, attributes })
    requests.set(id, span)
    if (status !== undefined) span.setAttribute('http.response.status_code', status)
    if (phase !== 'done' && phase !== 'failed') return void span.addEvent(phase, {}, at)
    if (phase === 'failed' || (status ?? 0) >= 400) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(at)
    requests.delete(id)
  }

  const stop = auth.on('*', event => {
    if (event.type === 'request') return step(event)
    const end = Date.now()
    const startTime = end - ('duration' in event ? event.duration : 0)
    const span = tracer.startSpan(`tokenflight.${event.type}`, { startTime, attributes: attributesOf(event) })
    if (event.type === 'refreshFailed') span.recordException(event.error)
    if (event.type === 'refreshFailed' || event.type === 'warning')
      span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(end)
  })
  return () => {
    stop()
    for (const span of requests.values()) span.end()
    requests.clear()
  }
}

/** Texts and numbers. An `error` or a `cause` of the application may hold tokens, so it is not sent. */
function attributesOf({ type, ...event }: AuthEvent): Attributes {
  const attributes: Attributes = {}
  for (const [name, value] of Object.entries(event)) {
    if (typeof value === 'string' || typeof value === 'number') attributes[`tokenflight.${name}`] = value
  }
  return attributes
}
