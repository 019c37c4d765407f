/** The requests that reached the server, for the demo's comparison and for tests. Ids of tokens, never tokens. */
import type { Trace } from '../../src/mock-server/world.js'

/** One request. Instants are epoch ms, durations ms. */
export interface LogEntry {
  /** Counts from 1; `?since=` of `/admin/log` takes it. */
  readonly id: number
  readonly at: number
  readonly duration: number
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** 0 where the connection was broken on purpose. */
  readonly status: number
  /** Who sent it, as its `X-Client` header says. */
  readonly client?: string
  readonly username?: string
  /** `jti` of the access token that it carried. */
  readonly accessTokenId?: string
  /** `jti` of the refresh token that it carried. */
  readonly refreshTokenId?: string
  /** Error code of a refusal, such as `invalid_token`. */
  readonly error?: string
}

/** A log that keeps the newest entries. */
export interface RequestLog {
  add(entry: Omit<LogEntry, 'id'>): void
  since(id: number): readonly LogEntry[]
  clear(): void
}

/** An empty log of at most `limit` entries. */
export function createRequestLog(limit = 2000): RequestLog {
  const entries: LogEntry[] = []
  let last = 0
  return {
    add(entry) {
      last += 1
      entries.push({ id: last, ...entry })
      if (entries.length > limit) entries.shift()
    },
    since: id => entries.filter(entry => entry.id > id),
    clear() {
      entries.length = 0
    },
  }
}

/** The entry of a request that was answered. */
export function describeRequest(
  request: Request,
  trace: Trace,
  status: number,
  begun: number,
  now: number,
): Omit<LogEntry, 'id'> {
  const client = request.headers.get('X-Client')?.slice(0, 40)
  return {
    at: begun,
    duration: now - begun,
    method: request.method,
    path: new URL(request.url).pathname,
    status,
    ...(client === undefined ? {} : { client }),
    ...trace,
  }
}
