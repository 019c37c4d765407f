/** The recipes for WebSockets and server-sent events do what they say. */
import { authFetch } from 'tokenflight/fetch'
import { expect, it, vi } from 'vitest'
import { loopback } from '../support/axios.js'
import { session, tokens } from '../support/hooks.js'
import { openSocket, readEvents } from './streams.js'

class FakeSocket extends EventTarget {
  readonly sent: string[] = []
  isClosed = false
  send(message: string): void {
    this.sent.push(JSON.parse(message).token)
  }
  close(): void {
    this.isClosed = true
    this.dispatchEvent(new Event('close'))
  }
}

it('a socket presents its token first, each newer one, and closes with the session', async () => {
  const sockets: FakeSocket[] = []
  vi.stubGlobal(
    'WebSocket',
    class extends FakeSocket {
      constructor() {
        super()
        sockets.push(this)
        queueMicrotask(() => this.dispatchEvent(new Event('open')))
      }
    },
  )
  const auth = session()
  await auth.login(tokens())
  const first = await auth.getAccessToken()
  await openSocket(auth, 'wss://api.example.test/live')
  const [socket] = sockets
  expect(socket?.sent).toEqual([first])
  await auth.refresh()
  await vi.waitFor(() => expect(socket?.sent).toHaveLength(2))
  expect(socket?.sent[1]).toBe(await auth.getAccessToken())
  await auth.logout()
  expect(socket?.isClosed).toBe(true)
  await auth.login(tokens())
  await auth.refresh()
  expect(socket?.sent).toHaveLength(2)
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
