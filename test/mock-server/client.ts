import { afterEach } from 'vitest'
import { type RunningServer, type ServerOptions, startServer } from '../../demo/server/start.js'

/** The members that any answer of the server may have. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every kind are looked into here
  readonly body: any
}

/** Starts servers that are closed after each test. */
export function useServers(): (options?: ServerOptions) => Promise<Client> {
  const running: RunningServer[] = []
  afterEach(async () => {
    for (const server of running.splice(0)) await server.close()
  })
  return async options => {
    const server = await startServer(options)
    running.push(server)
    return createClient(server)
  }
}

/** A client without tokenflight: one request after another, with a cookie jar as a browser has it. */
export interface Client {
  readonly server: RunningServer
  readonly cookies: Map<string, string>
  send(
    method: string,
    path: string,
    init?: RequestInit & { json?: unknown; bearer?: string },
  ): Promise<Answer>
  login(username?: string, password?: string): Promise<{ accessToken: string; refreshToken: string }>
  refresh(refreshToken: string): Promise<Answer>
  orders(accessToken: string): Promise<Answer>
}

function createClient(server: RunningServer): Client {
  const cookies = new Map<string, string>()
  const send: Client['send'] = async (method, path, { json, bearer, ...init } = {}) => {
    const headers = new Headers(init.headers)
    if (bearer !== undefined) headers.set('Authorization', `Bearer ${bearer}`)
    if (json !== undefined) headers.set('Content-Type', 'application/json')
    if (cookies.size > 0)
      headers.set('Cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    const body = json === undefined ? init.body : JSON.stringify(json)
    const response = await fetch(server.url + path, { ...init, method, headers, ...(body ? { body } : {}) })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (line.includes('Max-Age=0')) cookies.delete(name)
      else cookies.set(name, value)
    }
    const text = await response.text()
    const isJson = text !== '' && response.headers.get('Content-Type')?.includes('json')
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }
  return {
    server,
    cookies,
    send,
    login: async (username = 'ada', password = 'lovelace') =>
      (await send('POST', '/auth/login', { json: { username, password } })).body,
    refresh: refreshToken => send('POST', '/auth/refresh', { json: { refreshToken } }),
    orders: accessToken => send('GET', '/api/orders', { bearer: accessToken }),
  }
}

/** A form of OAuth 2.0. */
export function form(parameters: Record<string, string>): RequestInit {
  return { body: new URLSearchParams(parameters) }
}
