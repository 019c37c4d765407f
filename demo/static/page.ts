/** The page without a server: msw hands its requests to the mock, which all tabs share. */
import { HttpResponse, http } from 'msw'
import { setupWorker } from 'msw/browser'
import { createMock, type PlainAnswer, type PlainRequest } from './mock.js'

type Ask = (request: PlainRequest) => Promise<PlainAnswer>

/** Resolves when requests of the page are answered. */
export async function startMock(): Promise<void> {
  // Without shared workers each tab has a server of its own, and they share the stored state at their start.
  const ask = typeof SharedWorker === 'function' ? connect() : await createMock()
  const forward = async ({ request }: { readonly request: Request }) => {
    const { url, method } = request
    const plain = { url, method, headers: [...request.headers], body: await request.text() }
    const { status, headers, body } = await ask(plain)
    if (status === 0) return HttpResponse.error()
    // Some statuses have no body by definition.
    return new HttpResponse([204, 205, 304].includes(status) ? null : body, { status, headers: [...headers] })
  }
  const paths = ['auth', 'api', 'admin'].map(name => `${location.origin}/${name}/*`)
  await setupWorker(...paths.map(path => http.all(path, forward))).start({
    quiet: true,
    onUnhandledRequest: 'bypass',
    serviceWorker: { url: new URL('mockServiceWorker.js', document.baseURI).href },
  })
}

/** The server in a shared worker. */
function connect(): Ask {
  const { port } = new SharedWorker(new URL('mock.js', document.baseURI), { type: 'module' })
  const waiting = new Map<number, (answer: PlainAnswer) => void>()
  let last = 0
  port.onmessage = ({ data }: MessageEvent<{ id: number; answer: PlainAnswer }>) => {
    waiting.get(data.id)?.(data.answer)
    waiting.delete(data.id)
  }
  return request =>
    new Promise(resolve => {
      last += 1
      waiting.set(last, resolve)
      port.postMessage({ id: last, request })
    })
}
