/** A server in front of the auth server. It holds a refresh, before the auth server sees it or after it has rotated. */
import { once } from 'node:events'
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as later } from 'node:timers/promises'

/** Where the gate holds a refresh: the server has not received it yet, or it has rotated and not answered yet. */
export type Moment = 'before' | 'after'

/** How long a refresh that is held may take to be cancelled once another has overtaken it, milliseconds. */
const CANCELLATION = 2_000
/**
 * How long the server takes for a page that replaces the one whose refresh is held, milliseconds: longer than the pause
 * before a second attempt, because Firefox lets the page before it live on meanwhile.
 */
const REPLACEMENT = 700

/** A refresh that the gate holds until its connection is closed, or until the next page has the lock. */
export interface HeldRefresh {
  /** Resolves when the refresh has come as far as the gate lets it. */
  readonly arrived: Promise<void>
  /** Whether its connection was closed by the browser. */
  readonly isCancelled: boolean
  /** The events while it was held, in order. */
  readonly story: readonly string[]
}

export interface Gate {
  /** Pages are loaded from here, and send their requests here. A page says with `/granted` that it has the lock. */
  readonly url: string
  /**
   * Holds the next refresh. `isReplaced`: another page replaces the one that sends it. If that sends a second one before
   * it is gone, its answer comes too late for it.
   */
  hold(moment: Moment, isReplaced: boolean): HeldRefresh
  close(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
}

/** A promise and the function that fulfils it. */
function createSignal(): [promise: Promise<void>, fire: () => void] {
  let fire: () => void = () => {}
  const promise = new Promise<void>(resolve => {
    fire = resolve
  })
  return [promise, fire]
}

function createHold(moment: Moment, isReplaced: boolean) {
  const [arrived, arrive] = createSignal()
  const [released, release] = createSignal()
  const [finished, finish] = createSignal()
  const [repeated, repeat] = createSignal()
  const [overtaken, overtake] = createSignal()
  const story: string[] = []
  return {
    moment,
    isReplaced,
    repeated,
    repeat,
    overtaken,
    overtake,
    arrived,
    arrive,
    released,
    release,
    finished,
    finish,
    story,
    isCancelled: false,
    grants: 0,
  }
}
type Hold = ReturnType<typeof createHold>

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  if (!response.destroyed) response.writeHead(status, headers).end(body)
}

/** @param target the auth server */
export async function openGate(target: string): Promise<Gate> {
  let hold: Hold | undefined
  /** Whether the hold waits for its refresh. */
  let isArmed = false

  const pass = async ({ method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> => {
    const outgoing = forward(`${target}${url}`, { method, headers, agent: false })
    outgoing.end(body)
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    return { status: answer.statusCode ?? 502, headers: answer.headers, body: await readBody(answer) }
  }
  /** The page that goes away had the lock first. */
  const hearOfLock = (): void => {
    if (!hold || ++hold.grants < 2) return
    hold.story.push('the next page has the lock')
    hold.release()
  }
  const keep = async (
    held: Hold,
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
  ): Promise<void> => {
    response.on('close', () => {
      if (response.writableFinished) return
      held.isCancelled = true
      held.story.push('cancelled')
      held.release()
    })
    const answer = held.moment === 'after' ? await pass(request, body) : undefined
    held.arrive()
    await held.released
    held.story.push('released')
    if (answer) send(response, answer)
    else if (!held.isCancelled) send(response, await pass(request, body))
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request)
    if (request.url === '/granted') {
      hearOfLock()
      return send(response, { status: 204, headers: {}, body })
    }
    if (request.method === 'GET' && request.url?.startsWith('/?') && hold?.isReplaced) {
      await Promise.race([hold.repeated, later(REPLACEMENT)])
      hold.isReplaced = false
    }
    if (request.method === 'POST' && request.url === '/auth/refresh' && hold) {
      const held = hold
      if (isArmed) {
        isArmed = false
        return keep(held, request, response, body).finally(held.finish)
      }
      if (held.isReplaced) {
        held.story.push('a second refresh of the page that goes away')
        const answer = await pass(request, body)
        held.repeat()
        await Promise.race([held.overtaken, later(CANCELLATION)])
        return send(response, answer)
      }
      held.story.push('another refresh')
      held.overtake()
      const late = setTimeout(held.release, CANCELLATION)
      // The one that came first is served first.
      await held.finished
      clearTimeout(late)
    }
    send(response, await pass(request, body))
  }
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    hold(moment, isReplaced) {
      isArmed = true
      hold = createHold(moment, isReplaced)
      return hold
    },
    async close() {
      hold?.release()
      server.close()
      server.closeAllConnections()
    },
  }
}
