/** The parts of a client that can be tried alone: headers, bodies, progress and the config that is handed over. */
import { PassThrough } from 'node:stream'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { withJson } from '../../src/http/answer.js'
import { carries, discard, isStream, LIMIT, prepareRepeat, readHead } from '../../src/http/body.js'
import { describeChallenge, findUnmet, readChallenges } from '../../src/http/challenge.js'
import { onClone } from '../../src/http/clone.js'
import { handOver, readings, urlOf } from '../../src/http/config.js'
import { createProgress } from '../../src/http/progress.js'
import { closedEarly, whileIntact } from '../../src/http/waiting-body.js'
import { rejection, settle } from '../support/axios.js'

describe('the challenges of a header', () => {
  const read = (header: string) =>
    readChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)])

  it.each<[string, unknown]>([
    ['', []],
    [' , ,', []],
    ['Bearer', [['Bearer', {}]]],
    [
      'Bearer,Basic',
      [
        ['Bearer', {}],
        ['Basic', {}],
      ],
    ],
    ['Bearer realm=api', [['Bearer', { realm: 'api' }]]],
    [
      'Bearer realm="the api, v2", error=invalid_token',
      [['Bearer', { realm: 'the api, v2', error: 'invalid_token' }]],
    ],
    ['Bearer realm  =  "a" ,\terror\t=\tb', [['Bearer', { realm: 'a', error: 'b' }]]],
    ['Bearer REALM="first", realm="second"', [['Bearer', { realm: 'first' }]]],
    ['Bearer realm="say \\"hi\\" \\\\ there"', [['Bearer', { realm: 'say "hi" \\ there' }]]],
    ['Bearer realm="a\\\nb"', [['Bearer', { realm: 'a\nb' }]]],
    ['Bearer realm="never ends, Basic', [['Bearer', { realm: 'never ends, Basic' }]]],
    ['Bearer realm="", error=""', [['Bearer', { realm: '', error: '' }]]],
    ['Bearer realm=, error=x', [['Bearer', { realm: '', error: 'x' }]]],
    ['Bearer error=half"quoted", scope=a', [['Bearer', { error: 'half', scope: 'a' }]]],
    ["Odd!#$%&'*+.^`|~-9 key!#$%&'*+.^`|~-9=v", [["Odd!#$%&'*+.^`|~-9", { "key!#$%&'*+.^`|~-9": 'v' }]]],
    ['Negotiate YWJj/ZGVm==', [['Negotiate', { zgvm: '=' }]]],
    [
      'Negotiate abc, Bearer error=x',
      [
        ['Negotiate', {}],
        ['Bearer', { error: 'x' }],
      ],
    ],
    ['"Bearer error=x", Basic', [['Basic', {}]]],
    ['"a \\" , Digest", Basic', [['Basic', {}]]],
    ['error=invalid_token', [['', { error: 'invalid_token' }]]],
    ['Bearer a=1 b=2', [['Bearer', { a: '1', b: '2' }]]],
  ])('are read from %j', (header, expected) => {
    expect(read(header)).toEqual(expected)
  })

  const isBearer = (scheme: string): boolean => scheme === 'bearer'
  it.each<[string, string | undefined]>([
    ['BEARER error="INVALID_TOKEN"', undefined],
    ['Bearer', undefined],
    ['Bearer error="xinvalid_token"', 'Bearer'],
    ['Bearer error="invalid_tokens"', 'Bearer'],
    ['error="insufficient_scope"', ''],
    ['Bearer, Bearer error=insufficient_scope', 'Bearer'],
    ['Basic', 'Basic'],
    ['Basic, Digest error=stale', 'Digest'],
    ['', undefined],
  ])('%j has one that a new token does not meet: %s', (header, scheme) => {
    expect(findUnmet(readChallenges(header), isBearer)?.scheme).toBe(scheme)
  })

  it.each<[string, object]>([
    ['Bearer', { scheme: 'Bearer' }],
    ['error=x', { scheme: 'Bearer', error: 'x' }],
    ['Bearer acr_values=" a  b\tc "', { scheme: 'Bearer', acrValues: ['a', 'b', 'c'] }],
    ['Bearer acr_values="  "', { scheme: 'Bearer' }],
    ['Bearer max_age=0', { scheme: 'Bearer', maxAge: 0 }],
    ['Bearer max_age=60', { scheme: 'Bearer', maxAge: 60_000 }],
    ['Bearer max_age=x60', { scheme: 'Bearer' }],
    ['Bearer max_age=60s', { scheme: 'Bearer' }],
    ['Bearer max_age=1234567890123', { scheme: 'Bearer' }],
  ])('%j is described', (header, expected) => {
    expect(describeChallenge(readChallenges(header)[0]!)).toEqual({ status: 401, ...expected })
  })
})

describe('a body', () => {
  it.each<[string, unknown, boolean]>([
    ['undefined', undefined, false],
    ['null', null, false],
    ['a text', 'text', false],
    ['an object', {}, false],
    ['a function with pipe', Object.assign(() => {}, { pipe() {} }), false],
    ['a stream of Node', new PassThrough(), true],
    ['a stream of the web', new ReadableStream(), true],
    ['an iterator', (async function* () {})(), true],
  ])('%s can be read only once: %s', (_name, body, expected) => {
    expect(isStream(body)).toBe(expected)
  })

  it('whose members throw counts as one that can be read again', () => {
    const body = Object.defineProperty({}, 'pipe', {
      get() {
        throw new Error('no')
      },
    })
    expect(isStream(body)).toBe(false)
  })

  const form = {
    _streams: ['a', new Uint8Array(1)],
    getBuffer: () => new Uint8Array(2),
    getHeaders: () => ({ 'x-b': '1' }),
  }
  it.each<[string, unknown, boolean]>([
    ['a form of texts and bytes', form, true],
    ['no body', undefined, false],
    ['a form whose parts are no list', { ...form, _streams: 'ab' }, false],
    ['a form without bytes', { ...form, getBuffer: undefined }, false],
    ['a form without headers', { ...form, getHeaders: 7 }, false],
    ['a form with a stream', { ...form, _streams: ['a', new PassThrough()] }, false],
  ])('%s can be made again: %s', (_name, body, expected) => {
    expect(typeof prepareRepeat(body) === 'function').toBe(expected)
  })

  it('is made again with its headers; without parts it is empty', () => {
    expect(prepareRepeat(form)?.()).toEqual({ data: new Uint8Array(2), headers: { 'x-b': '1' } })
    expect(prepareRepeat({ ...form, _streams: [] })?.()).toEqual({ data: '', headers: { 'x-b': '1' } })
  })

  it.each<[unknown, boolean]>([
    ['token=a/b', true],
    ['xa/b', false],
    ['a/bx', false],
    ['a/b=', true],
    ['x a/b y', true],
    ['xa/b a/b', true],
    ['token=a%2Fb', true],
    ['token=%61%2F%62', true],
    ['token=a%2fb+c', true],
    ['a%2Fb%', true],
    ['%E0%A4%A a%2Fb', true],
    ['+a%2Fb+', true],
    ['token=a%2Fbc', false],
    [new URLSearchParams({ t: 'a/b' }), true],
    [new URLSearchParams({ t: 'a/bc' }), false],
    [{ _streams: ['x', 'a/b'] }, true],
    [{ _streams: ['xa/b'] }, false],
    [{}, false],
    [undefined, false],
  ])('%j carries the token a/b: %s', (body, expected) => {
    expect(carries(body, 'a/b')).toBe(expected)
  })

  it('of a form carries the token in one of its fields', () => {
    const body = new FormData()
    body.append('t', 'a/b')
    expect([carries(body, 'a/b'), carries(body, 'a')]).toEqual([true, false])
    vi.stubGlobal('FormData', undefined)
    expect(carries({ _streams: ['a/b'] }, 'a/b')).toBe(true)
    class ReactNativeForm {
      getParts() {
        return [{ string: 'a/b' }, {}]
      }
    }
    vi.stubGlobal('FormData', ReactNativeForm)
    expect(carries(new ReactNativeForm(), 'a/b')).toBe(true)
    vi.stubGlobal('FormData', class {})
    expect(carries(new FormData(), 'a/b')).toBe(false)
    vi.unstubAllGlobals()
  })
})

describe('a body that waits', () => {
  const explain = (cause: unknown): unknown => Object.assign(new Error('body'), { cause })
  const failure = (promise: Promise<unknown>) => rejection(promise) as Promise<Error>

  it('fails the wait with its error, or with none where it was closed', async () => {
    const failing = new PassThrough()
    const failed = failure(whileIntact(failing, new Promise(() => {}), explain))
    failing.destroy(new Error('reset'))
    expect((await failed).cause).toMatchObject({ message: 'reset' })
    const closing = new PassThrough()
    const closed = failure(whileIntact(closing, new Promise(() => {}), explain))
    closing.destroy()
    expect((await closed).cause).toBeUndefined()
    const gone = new PassThrough()
    gone.destroy()
    await settle()
    expect((await failure(whileIntact(gone, new Promise(() => {}), explain))).cause).toBeUndefined()
    const silent = new PassThrough({ emitClose: false })
    const late = failure(whileIntact(silent, settle(), explain))
    silent.destroy()
    expect((await late).cause).toBeUndefined()
  })

  it('is left alone once the wait is over', async () => {
    const stream = new PassThrough()
    expect(await whileIntact(stream, Promise.resolve('token'), explain)).toBe('token')
    expect([stream.listenerCount('error'), stream.listenerCount('close')]).toEqual([0, 0])
    stream.destroy()
    const odd = Object.assign(Object.create(null), { pipe() {} })
    expect(await whileIntact(odd, Promise.resolve('token'), explain)).toBe('token')
    for (const reader of [undefined, { releaseLock() {} }])
      expect(await whileIntact({ getReader: () => reader }, Promise.resolve('token'), explain)).toBe('token')
  })

  it('keeps a listener for its error where the wait failed, because Node would end the process', async () => {
    const stream = new PassThrough()
    await failure(whileIntact(stream, Promise.reject(new Error('refused')), explain))
    expect(stream.listenerCount('error')).toBe(1)
    stream.destroy(new Error('late'))
    await settle()
  })

  it('of the web fails the wait, and is unlocked afterwards', async () => {
    let fail: (error: unknown) => void = () => {}
    const start = (controller: ReadableStreamDefaultController): void => {
      fail = error => controller.error(error)
    }
    const failing = new ReadableStream({ start })
    const failed = failure(whileIntact(failing, new Promise(() => {}), explain))
    fail(new Error('reset'))
    expect((await failed).cause).toMatchObject({ message: 'reset' })
    for (const wait of [Promise.resolve('token'), Promise.reject(new Error('refused'))]) {
      const stream = new ReadableStream({ start })
      const waiting = whileIntact(stream, wait, explain).catch(() => {})
      expect(stream.locked).toBe(true)
      await waiting
      expect(stream.locked).toBe(false)
    }
    const taken = new ReadableStream({ start })
    taken.getReader()
    expect(await whileIntact(taken, Promise.resolve('token'), explain)).toBe('token')
  })

  it('that is no stream does not change the wait', () => {
    const promise = Promise.resolve('token')
    expect(whileIntact('text', promise, explain)).toBe(promise)
  })

  it('was closed early with the code of Node', () => {
    expect(closedEarly()).toMatchObject({ message: 'Premature close', code: 'ERR_STREAM_PREMATURE_CLOSE' })
  })
})

describe('the head of a stream', () => {
  const streamOf = (chunks: Uint8Array[], cancel = vi.fn()) => ({
    cancel,
    stream: new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const chunk = chunks.shift()
          if (chunk) controller.enqueue(chunk)
          else controller.close()
        },
        cancel,
      },
      { highWaterMark: 0 },
    ),
  })
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

  it('joins characters that two chunks share, up to the end', async () => {
    const euro = bytes('€')
    const { stream } = streamOf([euro.slice(0, 1), euro.slice(1), bytes('!')])
    expect(await readHead(stream, () => false)).toBe('€!')
  })

  it('ends where it is enough, or at the limit, and cancels the rest', async () => {
    const one = streamOf([bytes('{}'), bytes('more')])
    expect(await readHead(one.stream, text => text === '{}')).toBe('{}')
    expect(one.cancel).toHaveBeenCalledTimes(1)
    const exact = streamOf([bytes('x'.repeat(LIMIT)), bytes('more')])
    expect(await readHead(exact.stream, () => false)).toHaveLength(LIMIT)
    expect(exact.cancel).toHaveBeenCalledTimes(1)
  })

  it('is discarded by destroy or by cancel, whichever there is', async () => {
    const destroy = vi.fn()
    const cancel = vi.fn(() => Promise.reject(new Error('locked')))
    discard({ destroy })
    discard({ cancel })
    discard(undefined)
    discard('text')
    await settle()
    expect([destroy.mock.calls.length, cancel.mock.calls.length]).toEqual([1, 1])
  })
})

describe('the clone for shouldRefresh', () => {
  it('is discarded when the function has answered, at once or later', async () => {
    for (const answer of [true, Promise.resolve(true)]) {
      const response = new Response('body')
      let clone: Response | undefined
      const ask = onClone(given => {
        clone = given
        return answer
      })
      expect(await ask?.(response)).toBe(true)
      expect(clone).not.toBe(response)
      await settle()
      expect(await response.text()).toBe('body')
      expect((await clone?.body?.getReader().read())?.done).toBe(true)
    }
  })

  it('is discarded when the function throws', () => {
    const cancel = vi.fn(async () => {})
    const clone = { body: { cancel } } as unknown as Response
    const response = { clone: () => clone, body: {} } as unknown as Response
    const ask = onClone(() => {
      throw new Error('bug')
    })
    expect(() => ask?.(response)).toThrow('bug')
    expect(cancel).toHaveBeenCalledTimes(1)
  })

  it('is the answer itself where it cannot be cloned, which stays open', () => {
    const cancel = vi.fn()
    const response = { body: { cancel } } as unknown as Response
    const ask = vi.fn(() => false)
    expect(onClone(ask)?.(response)).toBe(false)
    expect(ask).toHaveBeenCalledWith(response)
    expect(cancel).not.toHaveBeenCalled()
    expect(onClone(undefined)).toBeUndefined()
    expect(onClone(7 as never)).toBe(7)
  })
})

it('lets a function that reads its clone later read all of it', async () => {
  const ask = onClone(async clone => {
    await settle()
    return (await clone.text()) === 'body'
  })
  expect(await ask?.(new Response('body'))).toBe(true)
})

describe('the config of an answer', () => {
  const config = { name: 'of the application' }
  const own = { url: '/a', method: 'get' }
  const departed = { own, tokens: { Authorization: 'Bearer at', 'X-Other': 'b' } }
  const configOf = (sent: object | undefined, left: object = departed) => {
    const outcome = { config: sent }
    handOver(outcome, config, left as typeof departed)
    return outcome.config
  }

  it.each<[string, object, boolean]>([
    ['the one that left', own, true],
    ['a copy of it', { ...own }, true],
    ['one of another URL with the token', { url: '/b', method: 'get', headers: { a: 'Bearer at' } }, true],
    ['one of another URL with the other header', { url: '/b', method: 'get', headers: { a: 'b' } }, true],
    ['one of another method without a token', { url: '/a', method: 'post' }, false],
    ['one of another URL without a token', { url: '/b', method: 'get', headers: { a: 'x' } }, false],
  ])('is replaced where it is %s: %s', (_name, sent, isReplaced) => {
    expect(configOf(sent)).toBe(isReplaced ? config : sent)
  })

  it('of a request without a token is replaced where the request is the same', () => {
    const left = { own, tokens: undefined }
    expect(configOf({ ...own }, left)).toBe(config)
    const other = { url: '/b', method: 'get', headers: {} }
    expect(configOf(other, left)).toBe(other)
    expect(configOf(undefined)).toBeUndefined()
  })

  it('is read as each version of axios reads it', () => {
    expect(readings({ url: 'a' })).toEqual(['a'])
    expect(readings({ url: '//evil', allowAbsoluteUrls: false })).toEqual(['/evil', '//evil'])
    expect(readings({ url: '///a', baseURL: 'https://h/' })).toEqual(['///a'])
    expect(readings({ url: 'a', baseURL: 'https://h///' })).toEqual(['https://h//a', 'https://h/a'])
    expect(readings({ baseURL: 'https://h' })).toEqual(['https://h'])
    expect(urlOf({ url: '//evil', baseURL: 'https://h', allowAbsoluteUrls: false })).toBe('https://h/evil')
  })
})

describe('the progress of an attempt', () => {
  const collect = () => {
    const shown: [number, number | undefined][] = []
    const start = createProgress<{ loaded: number; bytes?: number; event?: unknown }>(({ loaded, bytes }) => {
      shown.push([loaded, bytes])
    })
    return { shown, start }
  }
  const withStatus = (status: number) => ({ event: { target: { status } } })

  it.each([
    [399, true],
    [400, false],
  ])('with status %i is shown at once: %s', (status, isShown) => {
    const { shown, start } = collect()
    start(false).listener({ loaded: 1, bytes: 1, ...withStatus(status) })
    expect(shown).toEqual(isShown ? [[1, 1]] : [])
  })

  it.each([
    [65_536, false],
    [65_537, true],
  ])('without a status is shown from %i bytes: %s', (loaded, isShown) => {
    const { shown, start } = collect()
    start(false).listener({ loaded, bytes: loaded })
    expect(shown).toEqual(isShown ? [[loaded, loaded]] : [])
  })

  it('is kept until it is the outcome, and is dropped where it is not', async () => {
    const { shown, start } = collect()
    const refused = start(false)
    refused.listener({ loaded: 1, bytes: 1 })
    refused.end(false)
    refused.listener({ loaded: 9, bytes: 8, ...withStatus(200) })
    await settle()
    expect(shown).toEqual([])
    const outcome = start(false)
    outcome.listener({ loaded: 2, bytes: 2 })
    outcome.end(true)
    await settle()
    expect(shown).toEqual([[2, 2]])
    outcome.listener({ loaded: 3, bytes: 1 })
    outcome.end(true)
    await settle()
    expect(shown).toEqual([
      [2, 2],
      [3, 1],
    ])
  })

  it('is shown once where the outcome turns out to be large right at its end', async () => {
    const { shown, start } = collect()
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    onTestFinished(() => void process.off('unhandledRejection', unhandled))
    const attempt = start(false)
    attempt.listener({ loaded: 1, bytes: 1 })
    attempt.end(true)
    attempt.listener({ loaded: 70_000, bytes: 69_999 })
    const expected = [
      [1, 1],
      [70_000, 69_999],
    ]
    expect(shown).toEqual(expected)
    await settle()
    expect(shown).toEqual(expected)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('of a replay goes on from the bytes that were shown', () => {
    const { shown, start } = collect()
    const first = start(false)
    first.listener({ loaded: 10, bytes: 10, ...withStatus(200) })
    first.end(false)
    const replay = start(true)
    for (const loaded of [0, 5, 10]) replay.listener({ loaded, bytes: 5 })
    replay.listener({ loaded: 14, bytes: 4 })
    replay.listener({ loaded: 20 })
    expect(shown).toEqual([
      [10, 10],
      [14, 4],
      [20, undefined],
    ])
    const fresh = collect()
    fresh.start(true).listener({ loaded: 0, bytes: 0 })
    fresh.start(true).listener({ loaded: 4, bytes: 3 })
    expect(fresh.shown).toEqual([
      [0, 0],
      [4, 3],
    ])
  })
})

describe('an answer as JSON', () => {
  const type = (value: string, more: object = {}) => ({ 'Content-Type': value, ...more })
  const json = type('application/json')
  const view = async (data: unknown, headers: object = json) => (await withJson({ data, headers })).data
  const text = JSON.stringify({ a: 1 })
  const bytes = new TextEncoder().encode(text)
  const streamOf = (content: string) => new Response(content).body as ReadableStream

  it.each<[string, unknown, unknown]>([
    ['a text', text, { a: 1 }],
    ['a text that is none', '{', '{'],
    ['nothing', null, null],
    ['a number', 7, 7],
    ['a parsed object', { b: 2 }, { b: 2 }],
    ['bytes', bytes, { a: 1 }],
    ['a buffer', bytes.buffer, { a: 1 }],
    ['a blob', new Blob([text]), { a: 1 }],
    ['bytes that are none', new Uint8Array([123]), new Uint8Array([123])],
  ])('is %s', async (_name, data, expected) => {
    expect(await view(data)).toEqual(expected)
  })

  it.each([
    ['application/json', true],
    ['application/problem+json; charset=utf-8', true],
    ['application/json5', false],
    ['text/plain', false],
  ])('is read from a stream, and from much data, with the type %s: %s', async (value, isRead) => {
    const large = new Blob([JSON.stringify({ a: 'x'.repeat(LIMIT) })])
    expect(((await view(large, type(value))) as { a?: string }).a?.length).toBe(isRead ? LIMIT : undefined)
    const stream = streamOf(text)
    const data = await view(stream, type(value))
    if (isRead) expect(data).toEqual({ a: 1 })
    else expect(data).toBe(stream)
  })

  it('is read from little data of any type, up to the limit', async () => {
    const padded = (size: number) => new Blob([text.padEnd(size)])
    expect(await view(padded(LIMIT), type('text/plain'))).toEqual({ a: 1 })
    const large = padded(LIMIT + 1)
    expect(await view(large, type('text/plain'))).toBe(large)
  })

  it('is not read where the length is 0, or where another reader has the stream', async () => {
    const empty = streamOf('')
    expect(await view(empty, type('application/json', { 'Content-Length': ' 0 ' }))).toBe(empty)
    const taken = streamOf(text)
    taken.getReader()
    expect(await view(taken)).toBe(taken)
  })

  it('leaves all of a stream of the web to its caller', async () => {
    const response = { data: streamOf(`${text} and more`) as unknown, headers: json }
    await withJson(response)
    expect(await new Response(response.data as ReadableStream).text()).toBe(`${text} and more`)
  })

  it.each<[string, string, unknown]>([
    ['an object', text, { a: 1 }],
    ['a list', '[1]', [1]],
    ['a number, which may go on', '12', undefined],
    ['null', 'null', undefined],
    ['no JSON', 'text', undefined],
  ])('is read from a stream of Node that has ended: %s', async (_name, content, expected) => {
    const stream = new PassThrough()
    stream.end(content)
    const data = await view(stream)
    if (expected === undefined) expect(data).toBe(stream)
    else expect(data).toEqual(expected)
    const chunks: unknown[] = []
    for await (const chunk of stream) chunks.push(String(chunk))
    expect(chunks.join('')).toBe(content)
  })

  it('waits for the rest of a stream of Node, and leaves no listener', async () => {
    const stream = new PassThrough()
    const before = stream.eventNames().map(name => stream.listenerCount(name))
    const data = view(stream)
    stream.write('{"a"')
    await settle()
    stream.write(':1}')
    expect(await data).toEqual({ a: 1 })
    expect(stream.eventNames().map(name => stream.listenerCount(name))).toEqual(before)
  })

  it('gives up on a stream of Node that is full, closed, or fails', async () => {
    const full = new PassThrough({ highWaterMark: 8 })
    const whole = view(full)
    full.write('{"abcdef')
    expect(await whole).toBe(full)
    const closing = new PassThrough()
    const closed = view(closing)
    closing.destroy()
    expect(await closed).toBe(closing)
    const failing = new PassThrough()
    const failed = rejection(view(failing))
    failing.destroy(new Error('reset'))
    expect((await failed).message).toBe('reset')
  })

  it('is read from a stream with a size, and from a blob of another realm, in their own way', async () => {
    const stream = Object.assign(new PassThrough(), { size: text.length })
    stream.end(text)
    expect(await view(stream)).toEqual({ a: 1 })
    expect(String(stream.read())).toBe(text)
    const blob = { [Symbol.toStringTag]: 'Blob', size: text.length, text: async () => text }
    expect(await view(blob)).toEqual({ a: 1 })
  })

  it('leaves a stream of another kind alone', async () => {
    const odd = { pipe() {}, _readableState: {}, on: vi.fn() }
    expect(await view(odd)).toBe(odd)
    const other = { pipe() {}, unshift() {}, on: vi.fn() }
    expect(await view(other)).toBe(other)
    expect([odd.on.mock.calls.length, other.on.mock.calls.length]).toEqual([0, 0])
  })
})
