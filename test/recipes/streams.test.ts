/** The recipes for WebSockets and server-sent events keep their promises. */
import type { AuthOptions } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { expect, it, onTestFinished, vi } from 'vitest'
import { loopback, settle } from '../support/axios.js'
import { session, tokens } from '../support/hooks.js'
import { openSocket, readEvents } from './streams.js'

class FakeSocket extends EventTarget {
  readonly sent: string[] = []
  readyState = 0
  send(message: string): void {
    if (this.readyState === 0) throw new DOMException('Still connecting', 'InvalidStateError')
    this.sent.push(JSON.parse(message).token)
  }
  open(): void {
    this.readyState = 1
    this.dispatchEvent(new Event('open'))
  }
  close(): void {
    if (this.readyState === 0) this.dispatchEvent(new Event('error'))
    this.readyState = 3
    this.dispatchEvent(new Event('close'))
  }
}

/** The recipe's sockets; the test opens them. */
function fakeSockets(): FakeSocket[] {
  const sockets: FakeSocket[] = []
  vi.stubGlobal(
    'WebSocket',
    class extends FakeSocket {
      constructor() {
        super()
        sockets.push(this)
      }
    },
  )
  return sockets
}

/** An open socket of Ada's. */
async function live(options?: AuthOptions) {
  const sockets = fakeSockets()
  const auth = session(options)
  await auth.login(tokens())
  const opening = openSocket(auth, 'wss://api.example.test/live')
  const [socket] = sockets
  if (!socket) throw new Error('no socket')
  socket.open()
  await opening
  return { auth, socket }
}

it('a socket presents its token first, each newer one, and closes with the session', async () => {
  const { auth, socket } = await live()
  expect(socket.sent).toEqual([await auth.getAccessToken()])
  await auth.refresh()
  await vi.waitFor(() => expect(socket.sent).toHaveLength(2))
  expect(socket.sent[1]).toBe(await auth.getAccessToken())
  await auth.logout()
  expect(socket.readyState).toBe(3)
  await auth.login(tokens())
  await auth.refresh()
  expect(socket.sent).toHaveLength(2)
})

it('a socket closes when another user logs in, and never presents the token of that one', async () => {
  const { auth, socket } = await live({ refresh: async () => tokens({ sub: 'grace' }) })
  await auth.login(tokens({ sub: 'grace' }))
  expect(socket.readyState).toBe(3)
  await auth.refresh()
  await settle()
  expect(socket.sent).toHaveLength(1)
})

it('a refresh while a socket connects does not disturb it: it presents the newer token', async () => {
  const [sockets, auth] = [fakeSockets(), session()]
  await auth.login(tokens())
  const opening = openSocket(auth, 'wss://api.example.test/live')
  await auth.refresh()
  await settle()
  expect(sockets[0]?.readyState).toBe(0)
  sockets[0]?.open()
  await opening
  expect(sockets[0]?.sent).toEqual([await auth.getAccessToken()])
})

it('a socket without a session is closed, and nothing is sent', async () => {
  const sockets = fakeSockets()
  const opening = openSocket(session(), 'wss://api.example.test/live')
  sockets[0]?.open()
  await opening
  expect(sockets[0]).toMatchObject({ readyState: 3, sent: [] })
})

it('a socket without a good token to present is closed', async () => {
  // Before the session: the fake clock begins at 0, and the real one may be far ahead of that.
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const [sockets, auth] = [fakeSockets(), session({ refresh: () => Promise.reject(new Error('offline')) })]
  await auth.login(tokens())
  vi.advanceTimersByTime(600_000)
  const opening = openSocket(auth, 'wss://api.example.test/live')
  sockets[0]?.open()
  await expect(opening).rejects.toMatchObject({ code: 'ERR_REFRESH_FAILED' })
  expect(sockets[0]).toMatchObject({ readyState: 3, sent: [] })
})

it('events arrive, though the first token was refused', async () => {
  const auth = session()
  await auth.login(tokens())
  const revoked = await auth.getAccessToken()
  const server = await loopback(({ token }, _, outgoing) => {
    if (token === revoked) return void outgoing.writeHead(401).end()
    outgoing.writeHead(200, { 'Content-Type': 'text/event-stream' })
    outgoing.write('data: one\n\ndata: t')
    outgoing.end('wo\ndata: lines\n\n')
  })
  const events: string[] = []
  for await (const event of readEvents(authFetch(auth, { allowedOrigins: [server.url] }), server.url))
    events.push(event)
  expect(events).toEqual(['one', 'two\nlines'])
  expect(server.arrived.map(({ token }) => token)).toEqual([revoked, await auth.getAccessToken()])
})

/** The events that a server tells in these pieces. */
async function told(...pieces: string[]): Promise<string[]> {
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece))
      controller.close()
    },
  })
  const events: string[] = []
  for await (const event of readEvents(async () => new Response(body), '/events')) events.push(event)
  return events
}

it('passes the data of each event to the listener, and no line that only keeps the connection alive', async () => {
  expect(await told('id: 7\nevent: price\ndata: one\ndata:two\n\n', ': alive\n\ndata: three\n\n')).toEqual([
    'one\ntwo',
    'three',
  ])
})

it('lines may end in CRLF, wherever the stream is cut', async () => {
  const text = 'event: price\r\ndata: one\r\ndata: two\r\n\r\ndata: three\r\n\r\n'
  expect(await told(text)).toEqual(['one\ntwo', 'three'])
  expect(await told(...text)).toEqual(['one\ntwo', 'three'])
})

it('an answer that is no success is an error', async () => {
  const events = readEvents(async () => new Response('data: no\n\n', { status: 503 }), '/events')
  await expect(events.next()).rejects.toThrow('/events answered 503')
})

it('leaving the loop ends the stream', async () => {
  const cancel = vi.fn()
  const body = new ReadableStream({
    start: controller => controller.enqueue(new TextEncoder().encode('data: one\n\n')),
    cancel,
  })
  for await (const event of readEvents(async () => new Response(body), '/events')) {
    expect(event).toBe('one')
    break
  }
  await vi.waitFor(() => expect(cancel).toHaveBeenCalledTimes(1))
})
