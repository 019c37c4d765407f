/** Both clients of a session, for tests of their common behaviour. */

import type { AxiosHeaders } from 'axios'
import type { Auth, AuthOptions, TokenResponse } from 'tokenflight'
import { collectTokens, type Renewal, serverRenewal } from 'tokenflight'
import { API, stage as axiosStage, type RefreshCall } from './axios.js'
import { stage as fetchStage } from './fetch.js'

/** An answer of the server. */
export interface Answer {
  status?: number
  body?: string
  headers?: Record<string, string>
}

/** One request as it reached the server. */
export interface Arrival {
  readonly path: string
  readonly method: string
  readonly token: string | undefined
}

export interface Outcome {
  readonly status: number
  /** A header of the answer. */
  header(name: string): string | null
  /** The body that reached the caller. */
  text(): Promise<string>
}

export interface Client {
  readonly auth: Auth
  readonly refreshes: readonly RefreshCall[]
  readonly warnings: readonly string[]
  tokens(): (string | undefined)[]
  statuses(): (number | undefined)[]
  revoke(): void
  pass(milliseconds: number): void
  /** Sends a POST to the path, and resolves to the answer with every status. */
  post(path: string): Promise<Outcome>
}

/** `shouldRefresh` and `collect` of an application, for either client. */
export interface View {
  readonly status: number
  header(name: string): string | null
  /** The body as JSON. */
  json(): unknown
}

export interface ClientOptions {
  auth?: AuthOptions
  respond?: (request: Arrival) => Answer | undefined | Promise<Answer | undefined>
  shouldRefresh?: (view: View) => boolean | Promise<boolean>
  collect?: (view: View) => TokenResponse | undefined
  /** Makes the value of `Authorization`. */
  format?: (token: string) => string
  manual?: boolean
  renewal?: 'server'
}

const shared = ({ format }: ClientOptions) => ({
  ...(format && { header: { name: 'Authorization', format } }),
})

/** The plug-in for `renewal`, if the options ask for one. */
function renewalOf<Response>(
  { collect, renewal }: ClientOptions,
  view: (response: Response) => View,
): { renewal?: Renewal<Response> } {
  const take = (response: Response) => collect?.(view(response))
  if (renewal) return { renewal: serverRenewal({ collect: take }) }
  return collect ? { renewal: collectTokens(take) } : {}
}

/** Opens a session that is logged in with `at-1`, against a server that takes good tokens only. */
export const clients: Record<'axios' | 'fetch', (options?: ClientOptions) => Promise<Client>> = {
  async axios(options = {}) {
    const { auth = {}, respond, shouldRefresh, manual = false } = options
    const view = ({ status, headers, data }: { status: number; headers: object; data: unknown }): View => ({
      status,
      header: name => (headers as { get(name: string): string | null }).get(name) ?? null,
      json: () => data,
    })
    const staged = await axiosStage({
      auth,
      manual,
      attach: {
        ...shared(options),
        ...(shouldRefresh && { shouldRefresh: response => shouldRefresh(view(response)) }),
        ...renewalOf(options, view),
      },
      respond: async ({ url, method, token }) => {
        const answer = await respond?.({ path: url.slice(API.length), method: method.toUpperCase(), token })
        return answer && { ...answer, data: answer.body ?? '{}' }
      },
    })
    return {
      ...staged,
      async post(path) {
        const { status, data, headers } = await staged.api.post(path, 'tea', {
          validateStatus: null,
          transformResponse: [own => own],
        })
        return {
          status,
          header: name => (headers as AxiosHeaders).get(name) as string | null,
          text: async () => String(data),
        }
      },
    }
  },
  async fetch(options = {}) {
    const { auth = {}, respond, shouldRefresh, manual = false } = options
    const view = (response: Response): View => ({
      status: response.status,
      header: name => response.headers.get(name),
      json: () => response.json(),
    })
    const staged = await fetchStage({
      auth,
      manual,
      fetch: {
        ...shared(options),
        ...(shouldRefresh && { shouldRefresh: response => shouldRefresh(view(response)) }),
        ...renewalOf(options, view),
      },
      respond: async ({ url, method, token }) => {
        const answer = await respond?.({ path: url.slice(API.length), method, token })
        return answer && new Response(answer.body ?? '{}', answer)
      },
    })
    return {
      ...staged,
      async post(path) {
        const response = await staged.api(`${API}${path}`, { method: 'POST', body: 'tea' })
        return {
          status: response.status,
          header: name => response.headers.get(name),
          text: () => response.text(),
        }
      },
    }
  },
}

/** A promise of another library: all that it has is `then`. */
export function thenable<T>(value: T, members: object = {}): Promise<T> {
  // biome-ignore lint/suspicious/noThenProperty: that is the point
  return { ...members, then: (take?: (value: T) => void) => take?.(value) } as never
}
