/** A model of an API and its auth server in memory: it counts its requests and costs next to nothing. */
import { AxiosError, AxiosHeaders, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'

/** An answer of a token endpoint. */
export interface TokenAnswer {
  access_token: string
  refresh_token: string
  expires_in: number
}

export interface ApiOptions {
  /** Lifetime of an access token, milliseconds. */
  lifetime: number
  /** The server's clock, epoch milliseconds. */
  now?: () => number
  /** Takes as long as a request on its way; `undefined`: not even a turn of the microtask queue. */
  request?: () => Promise<void>
  /** Takes as long as a refresh. */
  refresh?: () => Promise<void>
  /** Accepts every request unread, so that only the client is measured. */
  open?: boolean
}

export interface Api {
  readonly counts: { requests: number; refused: number; refreshes: number }
  /** The present tokens; the first ones are those of the login. */
  tokens: TokenAnswer
  /** Tokens that the server accepts, and until when; taken out of it they are revoked. */
  readonly accepted: Map<string, number>
  /** Issues new tokens, as of a refresh. */
  issue(): TokenAnswer
  refresh(): Promise<TokenAnswer>
  adapter(config: InternalAxiosRequestConfig): Promise<AxiosResponse>
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>
}

export const ORIGIN = 'https://api.example.com'

let serial = 0

/** A JWT of some 300 characters, which is not verified. */
export function mintToken(issuedAt: number, lifetime: number): string {
  const payload = {
    iss: 'https://auth.example.com',
    aud: 'https://api.example.com',
    sub: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
    jti: `${++serial}`.padStart(12, '0'),
    iat: Math.round(issuedAt / 1000),
    exp: Math.round((issuedAt + lifetime) / 1000),
  }
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256', typ: 'JWT' })}.${part(payload)}.${'s'.repeat(43)}`
}

export function createApi({ lifetime, now = Date.now, request, refresh, open }: ApiOptions): Api {
  const counts = { requests: 0, refused: 0, refreshes: 0 }
  const accepted = new Map<string, number>()
  const ok = new Response()

  const issue = (): TokenAnswer => {
    const access_token = mintToken(now(), lifetime)
    accepted.set(access_token, now() + lifetime)
    api.tokens = { access_token, refresh_token: `refresh-${++serial}`, expires_in: lifetime / 1000 }
    return api.tokens
  }
  const isGood = (authorization: unknown): boolean => {
    counts.requests++
    if (open) return true
    const end = typeof authorization === 'string' && accepted.get(authorization.slice('Bearer '.length))
    if (end && end > now()) return true
    counts.refused++
    return false
  }
  const answer = (config: InternalAxiosRequestConfig): AxiosResponse => {
    const good = isGood(config.headers.Authorization)
    const response: AxiosResponse = {
      data: '{}',
      status: good ? 200 : 401,
      statusText: good ? 'OK' : 'Unauthorized',
      headers: new AxiosHeaders(),
      config,
      request: undefined,
    }
    // As axios's own adapters do.
    if (config.validateStatus && !config.validateStatus(response.status)) {
      const message = `Request failed with status code ${response.status}`
      throw new AxiosError(message, AxiosError.ERR_BAD_REQUEST, config, undefined, response)
    }
    return response
  }
  const api: Api = {
    counts,
    accepted,
    tokens: { access_token: '', refresh_token: '', expires_in: 0 },
    issue,
    async refresh() {
      counts.refreshes++
      await refresh?.()
      return issue()
    },
    async adapter(config) {
      if (request) await request()
      return answer(config)
    },
    async fetch(input, init) {
      if (open) return ok
      // Like any `fetch` it makes a request of its arguments.
      const sent = new Request(input, init)
      if (request) await request()
      return isGood(sent.headers.get('Authorization')) ? ok : new Response(null, { status: 401 })
    },
  }
  issue()
  return api
}
