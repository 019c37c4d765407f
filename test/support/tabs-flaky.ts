/** A server in front of the auth server that fails a share of the requests: an error, a broken connection, a lost answer. */
import { once } from 'node:events'
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Flaky {
  /** Pages are loaded from here, and send their requests here. */
  readonly url: string
  /** How many of the requests fail, 0 to 1; the page itself never does. */
  share: number
  /** How many requests have failed, by the way in which they did. */
  readonly failures: Record<Failure, number>
  close(): Promise<void>
}

const ways = ['error', 'broken before', 'lost answer'] as const
type Failure = (typeof ways)[number]

/**
 * @param target the auth server
 * @param random a number from 0 to 1
 */
export async function openFlaky(target: string, random: () => number): Promise<Flaky> {
  const failures: Record<Failure, number> = { error: 0, 'broken before': 0, 'lost answer': 0 }
  const isPage = (url: string): boolean => /^\/(\?|$|page\.js)/.test(url)

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method, url = '', headers } = incoming
    const failure =
      !isPage(url) && random() < flaky.share ? ways[Math.floor(random() * ways.length)] : undefined
    if (failure) failures[failure]++
    if (failure === 'error') return void outgoing.writeHead(503).end()
    if (failure === 'broken before') return void outgoing.destroy()
    const onward = forward(`${target}${url}`, { method, headers, agent: false })
    incoming.pipe(onward)
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    if (failure) {
      answer.resume()
      return void outgoing.destroy()
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  }
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const flaky: Flaky = {
    url: `http://127.0.0.1:${port}`,
    share: 0,
    failures,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return flaky
}
