/** Thousands of URL tricks: the token is there if, and only if, the origin that is really reached is allowed. */
import axios, { type AxiosRequestConfig, type InternalAxiosRequestConfig } from 'axios'
import fc from 'fast-check'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it, vi } from 'vitest'
import { API, type Arrived, loopback, respondWith, session, stage } from '../support/axios.js'
import { stage as fetchStage } from '../support/fetch.js'
import '../support/hostile.js'
import { runs } from '../support/slow.js'

const SECOND = 'https://two.example:8443'
const ALLOWED = [API, SECOND]
const OURS = [
  'api.example.test',
  'two.example:8443',
  'api.example.test:443',
  'API.Example.TEST',
  'api.example.test:0443',
]
const FOREIGN = [
  'evil.example',
  'api.example.test.evil.example',
  'two.example',
  'api.example.test:8443',
  'api.example.test.',
]
const ODD = [
  'ａpi.example.test',
  'api。example。test',
  'api%2eexample.test',
  'àpi.example.test',
  'xn--pi-bga.example.test',
  '[::1]',
  '0x7f.1',
  '',
]
const PIECES = [
  'https:',
  'http:',
  '//',
  '/',
  '\\',
  '\\\\',
  '@',
  ':',
  '?',
  '#',
  '.',
  '..',
  'u',
  'u:p@',
  '%2f',
  '%40',
  '%5c',
  '\t',
  '\n',
  '\r',
  ' ',
  '\u0000',
  '\u00AD',
  'x',
  'javascript:',
  'data:,',
]

const host = fc.constantFrom(...OURS, ...OURS, ...FOREIGN, ...ODD)
const piece = fc.oneof(fc.constantFrom(...PIECES), host)
/** An ordinary URL with a trick in one place, or pieces in any order. */
const url = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        'https://',
        'https://',
        'HTTPS://',
        'http://',
        '//',
        'https:',
        'https:\\\\',
        '\\\\',
        '/\\',
        '///',
        'ht\ttps://',
        ' https://',
      ),
      fc.constantFrom(
        '',
        '',
        '',
        'u@',
        'u:p@',
        'api.example.test@',
        'api.example.test:443@',
        'https://api.example.test@',
        '%40@',
      ),
      host,
      fc.constantFrom(
        '',
        '/',
        '/a',
        '\\a',
        '?a@b',
        '#@evil.example',
        '/../..//evil.example',
        '\t/a',
        '@evil.example/',
        '\\@evil.example/',
      ),
    )
    .map(parts => parts.join('')),
  fc.array(piece, { maxLength: 6 }).map(pieces => pieces.join('')),
  fc.constantFrom('/a', 'a', '', '?b', '//evil.example', '/\\evil.example', './/evil.example'),
)
const base = fc.oneof(
  fc.constantFrom(API, API, `${API}/v1/`, `${API}//`, SECOND, 'https://evil.example', `${API}@evil.example`),
  fc.constantFrom('', '/', '//', '///', 'https://', 'https:', 'https:///', 'api.example.test', '/v1', '\\\\'),
  url,
)
const config: fc.Arbitrary<AxiosRequestConfig> = fc.record(
  {
    baseURL: base,
    allowAbsoluteUrls: fc.boolean(),
    params: fc.constantFrom({ a: '@evil.example' }, { b: '//x' }),
  },
  { requiredKeys: [] },
)

/** The result of the URL standard. */
const parse = (text: string, against?: string): URL | undefined =>
  URL.canParse(text, against) ? new URL(text, against) : undefined

/** Whether other versions or adapters of axios, which read the URL in another way, may lead it elsewhere. */
const mayLeadAway = (
  target: string,
  { baseURL = '', allowAbsoluteUrls }: AxiosRequestConfig,
  against?: string,
): boolean => {
  const isAbsolute = /^([a-z][a-z\d+\-.]*:)?\/\//i.test(target)
  // They take one, two or all slashes off.
  const joined = [/\/?\/$/, /\/+$/].map(end => `${baseURL.replace(end, '')}/${target.replace(/^\/+/, '')}`)
  const isRead = isAbsolute ? allowAbsoluteUrls === false : target && baseURL.endsWith('///')
  const rooted = !baseURL && target && allowAbsoluteUrls === false ? [target, ...joined] : []
  const readings = baseURL && isRead ? [...(isAbsolute ? [target] : []), ...joined] : rooted
  return !readings.every(reading => {
    const other = parse(reading, against)
    return other && ALLOWED.includes(other.origin) && other.username + other.password === ''
  })
}

interface Tally {
  home: number
  away: number
}
const counted = (tally: Tally, isHome: boolean): boolean => {
  tally[isHome ? 'home' : 'away']++
  return isHome
}

describe('the origin that axios really reaches', () => {
  it('decides with its http adapter, with every URL, base URL and option', async () => {
    const { api } = await stage({ attach: { allowedOrigins: ALLOWED }, respond: () => ({}) })
    const seen: { origin: string; hasUser: boolean; token: unknown }[] = []
    const transport = {
      request(options: {
        hostname: string
        port: string
        protocol: string
        auth?: string
        headers: Record<string, unknown>
      }) {
        const { hostname, port, protocol, auth, headers } = options
        const { origin } = new URL(
          `${protocol}//${hostname.includes(':') ? `[${hostname}]` : hostname}${port ? `:${port}` : ''}`,
        )
        seen.push({ origin, hasUser: auth !== undefined, token: headers['Authorization'] })
        throw new Error('It does not leave')
      },
    }
    const tally = { home: 0, away: 0 }
    await fc.assert(
      fc.asyncProperty(url, config, async (target, options) => {
        seen.length = 0
        await api
          .get(target, { ...options, adapter: 'http', transport, proxy: false } as AxiosRequestConfig)
          .catch(() => {})
        for (const { origin, hasUser, token } of seen) {
          const mayBeAway = mayLeadAway(target, { baseURL: API, ...options })
          const isHome = counted(tally, ALLOWED.includes(origin) && !hasUser && !mayBeAway)
          expect(token).toBe(isHome ? 'Bearer at-1' : undefined)
        }
      }),
      { numRuns: runs(6_000) },
    )
    expect(Math.min(tally.home, tally.away)).toBeGreaterThan(runs(500))
  })

  it('decides in a page, where a relative URL is resolved against the base of the document', async () => {
    vi.stubGlobal('location', { origin: API, href: `${API}/app/` })
    const document = { baseURI: '' }
    vi.stubGlobal('document', document)
    const { auth } = await stage({ attach: false })
    const tally = { home: 0, away: 0 }
    const api = axios.create({
      async adapter(sent: InternalAxiosRequestConfig) {
        // As XMLHttpRequest and fetch do with the URL of axios. Axios 1.8 fails where it joins without a base URL.
        const { baseURL = '' } = sent
        const reached = parse(axios.getUri({ ...sent, baseURL }), document.baseURI)
        const hasUser = !!reached && reached.username + reached.password !== ''
        const mayBeAway = mayLeadAway(String(sent.url), sent, document.baseURI)
        const isHome = counted(tally, ALLOWED.includes(reached?.origin ?? '') && !hasUser && !mayBeAway)
        expect(sent.headers.get('Authorization')).toBe(isHome ? 'Bearer at-1' : undefined)
        return respondWith(sent)
      },
    })
    attachAuth(api, auth, { allowedOrigins: ALLOWED })
    const bases = fc.constantFrom(
      `${API}/app/`,
      'https://cdn.example/assets/',
      `${SECOND}/`,
      'https://u:p@api.example.test/',
    )
    await fc.assert(
      fc.asyncProperty(url, config, bases, async (target, options, baseURI) => {
        document.baseURI = baseURI
        await api.get(target, options).catch(error => {
          // axios itself refuses some of them before they leave.
          if (!axios.isAxiosError(error)) throw error
        })
      }),
      { numRuns: runs(6_000) },
    )
    expect(Math.min(tally.home, tally.away)).toBeGreaterThan(runs(500))
  })

  it('decides at every hop of a redirect, and where it once was away no token comes back', async () => {
    const server = await loopback(({ url: path }: Arrived, _incoming, outgoing) => {
      const [, target = '', ...rest] = decodeURIComponent(path.slice(1)).split('|')
      // The port is only known now.
      if (target)
        outgoing.writeHead(302, {
          Location: target
            .replaceAll('PORT', String(server.port))
            .replace('NEXT', encodeURIComponent(['', ...rest].join('|'))),
        })
      outgoing.end('{}')
    })
    const home = `http://api.test:${server.port}`
    const lookup = ((_host, _options, callback) =>
      (callback as unknown as (error: null, address: string, family: 4) => void)(
        null,
        '127.0.0.1',
        4,
      )) as AxiosRequestConfig['lookup']
    const { api } = await session(home, { adapter: 'http', lookup, maxRedirects: 5 } as AxiosRequestConfig)
    const hop = fc.constantFrom(
      ...['http://api.test:PORT/NEXT', '/NEXT', 'NEXT', '//api.test:PORT/NEXT', 'http://API.TEST:PORT/NEXT'],
      ...[
        'http://evil.example:PORT/NEXT',
        '//evil.example:PORT/NEXT',
        'http://sub.api.test:PORT/NEXT',
        'http:\\\\evil.example:PORT/NEXT',
      ],
      ...[
        'http://api.test:PORT@evil.example:PORT/NEXT',
        '/\\evil.example:PORT/NEXT',
        'http://evil.example:PORT\\@api.test:PORT/NEXT',
      ],
    )
    const tally = { home: 0, away: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(hop, { minLength: 1, maxLength: 4 }), async hops => {
        server.arrived.length = 0
        await api.get(`/${encodeURIComponent(['', ...hops].join('|'))}`).catch(() => {})
        let isHome = true
        for (const { host: name, token } of server.arrived) {
          isHome = counted(tally, isHome && name === `api.test:${server.port}`)
          expect(token).toBe(isHome ? 'at-1' : undefined)
        }
        expect(server.arrived.length).toBeGreaterThan(0)
      }),
      { numRuns: runs(250) },
    )
    expect(Math.min(tally.home, tally.away)).toBeGreaterThan(runs(100))
  })
})

describe('the origin that fetch really reaches', () => {
  it.each(['a text', 'a URL', 'a Request'])('decides, given as %s', async kind => {
    const { auth } = await fetchStage()
    const reached: Request[] = []
    const api = authFetch(auth, {
      allowedOrigins: ALLOWED,
      async fetch(input, init) {
        reached.push(new Request(input, init))
        return Response.json({})
      },
    })
    const tally = { home: 0, away: 0 }
    await fc.assert(
      fc.asyncProperty(url, async target => {
        const wrapped = kind === 'a text' ? target : parse(target)
        if (wrapped === undefined) return
        const input = kind === 'a Request' ? toRequest(wrapped as URL) : wrapped
        if (!input) return
        reached.length = 0
        await api(input).catch(error => expect(error).toBeInstanceOf(TypeError))
        for (const request of reached) {
          const isHome = counted(tally, ALLOWED.includes(new URL(request.url).origin))
          expect(request.headers.get('Authorization')).toBe(isHome ? 'Bearer at-1' : null)
        }
      }),
      { numRuns: runs(3_000) },
    )
    expect(Math.min(tally.home, tally.away)).toBeGreaterThan(runs(50))
  })
})

/** `fetch` takes no user info in a URL. */
function toRequest(target: URL): Request | undefined {
  return target.username || target.password ? undefined : new Request(target)
}
