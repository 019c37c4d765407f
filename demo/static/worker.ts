/** The server of the static demo in a shared worker: all tabs have the same one, and no hidden tab slows it down. */
import type { PlainAnswer, PlainRequest } from './mock.js'

/** A request of a tab, and where its answer goes. */
interface Asked {
  readonly id: number
  readonly request: PlainRequest
}

// Where msw is loaded it looks for a `localStorage` with cookies, and a worker has none.
Object.assign(globalThis, { localStorage: { getItem: () => null, setItem() {} } })
const mock = import('./mock.js').then(({ createMock }) => createMock())

addEventListener('connect', event => {
  const port = (event as MessageEvent).ports[0]
  if (!port) return
  port.onmessage = async ({ data: { id, request } }: MessageEvent<Asked>) => {
    const answer = await mock.then(respond => respond(request)).catch(broken)
    port.postMessage({ id, answer })
  }
})

/** The answer of a server that cannot work. */
function broken(error: unknown): PlainAnswer {
  const body = JSON.stringify({ error: 'server_error', error_description: String(error) })
  return { status: 500, headers: [['Content-Type', 'application/json']], body }
}
