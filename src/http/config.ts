/** Reading the requests and the answers of axios, without importing axios. */
import { isStream } from './body.js'

/** The parts of a request's config that decide where it goes. */
export interface Target {
  readonly url?: string
  readonly baseURL?: string
  readonly allowAbsoluteUrls?: boolean
}

/**
 * The URLs, without the query, that axios may make of the config when it leaves (its `buildFullPath`). Several where
 * versions and adapters differ: before 1.8 none knows `allowAbsoluteUrls`, up to 1.8.2 some adapters do not, and a
 * base URL loses one, two or all slashes at its end.
 */
export function readings(config: Target): string[] {
  const { baseURL, allowAbsoluteUrls } = config
  // Where there is no base URL axios takes a `URL`, too.
  const url = String(config.url ?? '')
  const isAllowed = (allowAbsoluteUrls ?? true) === true
  const path = url.replace(/^\/+/, '')
  // Some versions join the URL even with an empty base URL then.
  if (!baseURL) return isAllowed || !url ? [url] : [`/${path}`, url]
  const isAbsolute = /^([a-z][a-z\d+\-.]*:)?\/\//i.test(url)
  if (isAbsolute && isAllowed) return [url]
  if (!url) return [baseURL]
  let base = baseURL.replace(/\/?\/$/, '')
  const joined = [`${base}/${path}`]
  while (base.endsWith('/')) base = base.slice(0, -1)
  if (baseURL.endsWith('///')) joined.push(`${base}/${path}`)
  return isAbsolute ? [url, ...joined] : joined
}

/** The URL as most versions of axios make it. */
export function urlOf(config: Target): string {
  return readings(config).pop() as string
}

/** Makes objects that inherit nothing and that V8 keeps fast, unlike those of `Object.create(null)`. */
function Bare() {}
Bare.prototype = Object.create(null)

/** A copy that inherits as much as the config does; axios's own inherit nothing, so a polluted prototype sets nothing. */
export function copyOf<Config extends object>(config: Config): Config {
  const parent: object | null = Object.getPrototypeOf(config)
  const copy: Config = parent ? Object.create(parent) : new (Bare as unknown as new () => Config)()
  for (const key of Object.keys(config) as (keyof Config)[]) copy[key] = config[key]
  for (const key of Object.getOwnPropertySymbols(config) as (keyof Config)[]) copy[key] = config[key]
  return copy
}

/** The JSON value of a text; any other value unchanged. */
export function readJson(data: unknown): unknown {
  try {
    return typeof data === 'string' ? JSON.parse(data) : data
  } catch {
    return data
  }
}

/** The parts of a config that tell one request from another. */
interface Sent {
  readonly url?: string
  readonly method?: string
  readonly headers?: object
}

/** A request as it left. */
interface SentRequest {
  readonly own: Sent
  /** The headers of the tokens in it. */
  readonly tokens: Record<string, string> | undefined
}

/**
 * Whether an adapter answers with another request, whose config is the application's: not the one that left with these
 * headers, nor a copy of it.
 */
function isAnother(sent: Sent, { own, tokens }: SentRequest): boolean {
  if (sent.url === own.url && sent.method === own.method) return false
  const headers = Object.values(sent.headers ?? {}).map(String)
  return !Object.values(tokens ?? {}).some(token => headers.some(header => header.includes(token)))
}

/**
 * Prepares an answer or an error for the application: with its own config, and without the platform's request, which on Node
 * shows the header that was sent to a logger or a serialiser. A config of another request stays.
 */
export function handOver(outcome: unknown, config: object, departed: SentRequest): void {
  const { config: sent, request, data } = (outcome ?? {}) as Record<string, unknown>
  if (sent && !isAnother(sent, departed)) Reflect.set(outcome as object, 'config', config)
  if (request) hide(outcome, 'request')
  if (!isStream(data)) return
  // An answer that streams refers to the request, too, and so does an error that may end it.
  for (const name of ['req', 'socket', 'client']) hide(data, name)
  const stream = data as NodeStream
  const monitor = stream.constructor?.errorMonitor
  if (monitor) stream.on(monitor, error => handOver(error, config, departed))
}

/** Its monitor sees errors without counting as a handler of them. */
interface NodeStream {
  constructor?: { errorMonitor?: symbol }
  on(event: symbol, listener: (error: unknown) => void): void
}

function hide(holder: unknown, name: string): void {
  if (Object.prototype.propertyIsEnumerable.call(holder, name))
    Reflect.defineProperty(holder as object, name, { enumerable: false })
}
