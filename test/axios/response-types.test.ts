/** The functions of the application see parsed JSON with every `responseType`, and the caller gets all of the body. */

import { type EventEmitter, once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import axios, { type AxiosResponse, type ResponseType } from 'axios'
import { collectTokens } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { deferred, isAxios, loopback, rejection, session, stage } from '../support/axios.js'

/** Before 1.7.6 the adapter on `fetch` makes a body for an answer with 204, which the platform refuses. */
const canStreamNothing = isAxios(7, 6)

/** 1.13.0 itself ends the stream of a rejected answer of its adapter on Node before it is read. */
const losesRejected = axios.VERSION === '1.13.0'

const EXPIRED = '{"code":"TOKEN_EXPIRED","text":"ä"}'
const isExpired = ({ data }: AxiosResponse): boolean => data?.code === 'TOKEN_EXPIRED'

/** All of a body, for every type of answer. */
async function textOf(data: unknown): Promise<string> {
  if (typeof data === 'string') return data
  if (data instanceof Blob) return data.text()
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data))
    return Buffer.from(data as Uint8Array).toString()
  const chunks: Uint8Array[] = []
  for await (const chunk of data as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function firstOf(data: unknown): Promise<Uint8Array> {
  if (data instanceof ReadableStream) return (await data.getReader().read()).value
  const [chunk] = await once(data as EventEmitter, 'data')
  return chunk
}

/** Parsed or not. */
const asText = async (data: unknown): Promise<string> =>
  Object.getPrototypeOf(data) === Object.prototype ? JSON.stringify(data) : textOf(data)

const types: Record<'http' | 'fetch', ResponseType[]> = {
  http: ['json', 'text', 'arraybuffer', 'stream', 'blob'],
  fetch: ['json', 'text', 'arraybuffer', 'stream', 'blob'],
}

for (const adapter of ['http', 'fetch'] as const) {
  const open = async (
    answer: (path: string, outgoing: ServerResponse, token: string | undefined) => void,
    shouldRefresh: (response: AxiosResponse) => boolean | Promise<boolean> = isExpired,
  ) => {
    const server = await loopback(({ url, token }, _incoming, outgoing) => answer(url, outgoing, token))
    const { api, refreshes } = await session(server.url, { adapter }, { shouldRefresh })
    return { api, refreshes, tokens: () => server.arrived.map(({ token }) => token) }
  }
  const json = { 'Content-Type': 'application/json' }

  for (const responseType of types[adapter]) {
    describe(`shouldRefresh with responseType ${responseType} and the ${adapter} adapter`, () => {
      const isLost = losesRejected && adapter === 'http' && responseType === 'stream'

      it.each(isLost ? [200] : [401, 200])(
        'recognises the code in the JSON of a %i, and the replay reaches the caller whole',
        async status => {
          const { api, tokens, refreshes } = await open((_, outgoing, token) => {
            if (token === 'at-1') outgoing.writeHead(status, json).end(EXPIRED)
            else outgoing.writeHead(200, json).end('{"ok":true}')
          })
          const { data } = await api.get('/x', { responseType })
          expect(await asText(data)).toBe('{"ok":true}')
          expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
        },
      )

      it('leaves all of a 401 with another code to the caller', async () => {
        const { api, tokens, refreshes } = await open((_, outgoing) =>
          outgoing.writeHead(401, json).end('{"code":"BANNED"}'),
        )
        const error = await rejection(api.get('/x', { responseType }))
        expect(error.response?.status).toBe(401)
        expect(await asText(error.response?.data)).toBe(isLost ? '' : '{"code":"BANNED"}')
        expect([tokens(), refreshes.length]).toEqual([['at-1'], 0])
      })

      it('leaves all of a long download to the caller', async () => {
        const long = `[${'"x",'.repeat(100_000)}"end"]`
        const { api } = await open((_, outgoing) => outgoing.writeHead(200, json).end(long))
        const { data } = await api.get('/x', { responseType, transformResponse: [own => own] })
        expect((await textOf(data)).length).toBe(long.length)
      })

      it('sees a body that is no JSON as it is', async () => {
        const seen: unknown[] = []
        const { api } = await open(
          (_, outgoing) => outgoing.writeHead(200, { 'Content-Type': 'text/plain' }).end('{"a":'),
          ({ data }) => seen.push(data) > 5,
        )
        const { data } = await api.get('/x', { responseType, transformResponse: [own => own] })
        expect(seen).toEqual([data])
        expect(await textOf(data)).toBe('{"a":')
      })

      it('copes with an empty answer', async () => {
        const { api, refreshes } = await open((path, outgoing) => {
          if (path === '/204') outgoing.writeHead(204, json).end()
          else
            outgoing.writeHead(200, { ...json, ...(path === '/length' && { 'Content-Length': '0' }) }).end()
        })
        const paths = canStreamNothing || adapter === 'http' || responseType !== 'stream' ? ['/204'] : []
        for (const path of [...paths, '/length', '/chunked']) {
          const { data } = await api.get(path, { responseType, transformResponse: [own => own ?? ''] })
          expect(await textOf(data)).toBe('')
        }
        expect(refreshes).toHaveLength(0)
      })
    })
  }

  describe(`shouldRefresh with a streamed answer and the ${adapter} adapter`, () => {
    it('sees the JSON of an answer that arrives compressed and in pieces', async () => {
      const { api, tokens } = await open(async (_, outgoing, token) => {
        const body = gzipSync(token === 'at-1' ? EXPIRED : '{"ok":true}')
        outgoing.writeHead(200, {
          'Content-Type': 'application/problem+json; charset=utf-8',
          'Content-Encoding': 'gzip',
        })
        outgoing.write(body.subarray(0, 25))
        await new Promise(setImmediate)
        outgoing.end(body.subarray(25))
      })
      const { data } = await api.get('/x', { responseType: 'stream' })
      expect([await textOf(data), tokens()]).toEqual(['{"ok":true}', ['at-1', 'at-2']])
    })

    it.each(['text/event-stream', 'application/x-ndjson', 'application/octet-stream'])(
      'does not keep an answer of type %s, which never ends, from its caller',
      async type => {
        const { api } = await open((_, outgoing) => {
          outgoing.writeHead(200, { 'Content-Type': type }).write('{"first":1}\n')
        })
        const controller = new AbortController()
        const { data } = await api.get('/x', { responseType: 'stream', signal: controller.signal })
        const first = await firstOf(data)
        expect(Buffer.from(first).toString()).toBe('{"first":1}\n')
        controller.abort()
      },
    )

    it('sees JSON as soon as it is complete, even if the connection stays open', async () => {
      const gate = deferred()
      const { api, tokens } = await open((_, outgoing, token) => {
        outgoing.writeHead(200, json).write(token === 'at-1' ? EXPIRED : '{"ok":true}')
        if (token !== 'at-1') void gate.promise.then(() => outgoing.end('\n'))
      })
      const { data } = await api.get('/x', { responseType: 'stream' })
      gate.resolve()
      expect([await textOf(data), tokens()]).toEqual(['{"ok":true}\n', ['at-1', 'at-2']])
    })

    it('fails the call when the answer breaks off meanwhile', async () => {
      const { api, refreshes } = await open((_, outgoing) => {
        outgoing.writeHead(200, json).write('{"a":')
        setImmediate(() => outgoing.destroy())
      })
      const outcome = api.get('/x', { responseType: 'stream' }).then(({ data }) => textOf(data))
      await expect(outcome).rejects.toThrow()
      expect(refreshes).toHaveLength(0)
    })
  })
}

describe('collect', () => {
  it.each<[string, (text: string) => unknown]>([
    ['a Blob', text => new Blob([text])],
    ['an ArrayBuffer', text => new TextEncoder().encode(text).buffer],
    ['a Buffer', text => Buffer.from(text)],
  ])('takes tokens from the JSON of %s', async (_, wrap) => {
    const { api, tokens, refreshes } = await stage({
      attach: { renewal: collectTokens(({ data }) => data.tokens) },
      respond: () => ({ data: wrap('{"tokens":{"access_token":"collected"}}') }),
    })
    await api.get('/a', { transformResponse: [own => own] })
    await api.get('/b', { transformResponse: [own => own] })
    expect([tokens(), refreshes.length]).toEqual([['at-1', 'collected'], 0])
  })

  it('sees data with members like those of a Blob as they are', async () => {
    const seen: unknown[] = []
    const data = { size: 3, text: 'tea', byteLength: 2 }
    const { api } = await stage({
      attach: { renewal: collectTokens(({ data }) => void seen.push(data)) },
      respond: () => ({ data }),
    })
    await api.get('/a')
    expect(seen).toEqual([data])
  })
})
