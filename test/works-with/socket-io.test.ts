/** A real socket.io server and its client, by the recipe. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import type { Socket } from 'socket.io-client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openSocketIo } from '../recipes/socket-io.js'
import { LIFETIME, type Stage, type StageOptions, stage } from '../support/axios.js'

/** The tokens of handshakes, in order, at a server that takes those of the stage. */
async function serve({ good }: Stage): Promise<{ url: string; handshakes: unknown[]; io: Server }> {
  const handshakes: unknown[] = []
  const http = createServer()
  const io = new Server(http, { transports: ['websocket', 'polling'] })
  io.use(({ handshake }, next) => {
    const { token } = handshake.auth
    handshakes.push(token)
    next(good.has(token) ? undefined : new Error('unauthorized'))
  })
  io.on('connection', socket => socket.on('echo', (text, answer) => answer(text)))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onTestFinished(async () => {
    await io.close()
  })
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, handshakes, io }
}

async function open(options: StageOptions = {}) {
  const staged = await stage(options)
  const served = await serve(staged)
  const connect = (): Socket => {
    const socket = openSocketIo(staged.auth, served.url)
    onTestFinished(() => void socket.disconnect())
    return socket
  }
  return { ...staged, ...served, connect }
}

const connected = (socket: Socket): Promise<void> => new Promise(resolve => socket.on('connect', resolve))
const closed = (socket: Socket): Promise<void> =>
  new Promise(resolve => {
    const watch = (): unknown => (socket.active ? setImmediate(watch) : resolve())
    watch()
  })

describe('socket.io', () => {
  it('connects with the token of the session, and a message is answered', async () => {
    const { connect, handshakes } = await open()
    const socket = connect()
    await connected(socket)
    expect(await socket.emitWithAck('echo', 'tea')).toBe('tea')
    expect(handshakes).toEqual(['at-1'])
  })

  it('connects with a new token if the present one has expired', async () => {
    const { connect, pass, handshakes, refreshes } = await open()
    pass(LIFETIME)
    await connected(connect())
    expect([handshakes, refreshes.length]).toEqual([['at-2'], 1])
  })

  it('connects after one refresh if its token is refused, however many sockets there are', async () => {
    const { connect, revoke, handshakes, refreshes } = await open()
    revoke()
    await Promise.all([connect(), connect(), connect()].map(connected))
    expect(refreshes).toHaveLength(1)
    expect(handshakes.sort()).toEqual(['at-1', 'at-1', 'at-1', 'at-2', 'at-2', 'at-2'])
  })

  it('gets a token of then when it connects again', async () => {
    const { connect, auth, handshakes, io } = await open()
    const socket = connect()
    await connected(socket)
    await auth.refresh()
    socket.io.reconnectionDelay(1)
    const again = connected(socket)
    for (const { conn } of io.sockets.sockets.values()) conn.close()
    await again
    expect(handshakes).toEqual(['at-1', 'at-2'])
  })

  it('asks for one refresh only if a new token is refused, too', async () => {
    const staged = await open({
      refresh: async () => ({ access_token: 'bad', refresh_token: 'rt-2', expires_in: 300 }),
    })
    const { connect, revoke, handshakes, refreshes } = staged
    revoke()
    const socket = connect()
    const refusals: unknown[] = []
    await new Promise<void>(resolve => {
      socket.on('connect_error', ({ message }) => {
        refusals.push(message)
        if (refusals.length === 2) resolve()
      })
    })
    await closed(socket)
    expect([handshakes, refreshes.length]).toEqual([['at-1', 'bad'], 1])
  })

  const ends: [end: string, StageOptions, (stage: Stage) => unknown, status: string][] = [
    [
      'the session expires',
      { refresh: () => Promise.reject({ status: 401 }) },
      ({ auth }) => auth.refresh(),
      'expired',
    ],
    ['the user logs out', {}, ({ auth }) => auth.logout(), 'anonymous'],
    ['another user logs in', {}, ({ auth }) => auth.login({ access_token: 'bob-1' }), 'authenticated'],
  ]
  it.each(ends)('closes when %s, and stays closed', async (_, options, end, status) => {
    const staged = await open(options)
    const { connect, auth, handshakes } = staged
    const socket = connect()
    await connected(socket)
    await Promise.resolve(end(staged)).catch(() => {})
    await closed(socket)
    expect([auth.getState().status, handshakes]).toEqual([status, ['at-1']])
  })

  it('closes if the refresh that its handshake needs is refused', async () => {
    const { connect, auth, revoke, refreshes } = await open({
      refresh: () => Promise.reject({ status: 401 }),
    })
    revoke()
    const sockets = [connect(), connect()]
    await Promise.all(sockets.map(closed))
    expect([auth.getState().status, refreshes.length]).toEqual(['expired', 1])
  })
})
