/** The mock auth server: a model without a network. `src/msw.ts` plays it as msw handlers, `demo/server` over HTTP. */
import { sessionCookies } from './cookies.js'
import { type Endpoint, endpoints, findEndpoint, methodOf, play, settle } from './dispatch.js'
import { startSession } from './grants.js'
import { createKnobs, liveStats } from './knobs.js'
import { completeOptions } from './options.js'
import { authorize, type Passage } from './protect.js'
import { readCookies } from './reading.js'
import { tokenAnswer } from './refresh.js'
import { Refusal, type Reply, type ReplyCookie, refuse } from './reply.js'
import type { MockStore } from './store.js'
import type { MockAuthControls, MockAuthOptions, MockTokenAnswer } from './types.js'
import { createWorld, type Exchange, renewWorld, type Trace } from './world.js'

/** The context of a request. */
export interface Surroundings {
  /** Default: those of the `Cookie` header. */
  readonly cookies?: Readonly<Record<string, string>> | undefined
  /** Written to: the ids of the tokens that the request carried, for a log. */
  readonly trace?: Trace | undefined
}

/** The model that `createAuthServer` gives. */
export interface AuthServer extends MockAuthControls {
  /** The option, without a trailing slash. */
  readonly baseUrl: string
  readonly endpoints: readonly Endpoint[]
  /** Answers a request by its own method and path; `undefined` if that is not an endpoint. Never rejects. */
  respond(request: Request, surroundings?: Surroundings): Promise<Reply | undefined>
  /** Lets a request to a protected resource pass, or returns the answer that refuses it. Never rejects. */
  authorize(
    request: Request,
    options?: Surroundings & { readonly scope?: string | undefined },
  ): Promise<Passage | { readonly refusal: Reply }>
  /** Tokens of a new session without a login. Rejects with a `TypeError` for an unknown user. */
  issue(username: string): Promise<MockTokenAnswer>
  /** The cookies by which a login in the present style would have set those tokens. */
  cookiesFor(tokens: MockTokenAnswer): ReplyCookie[]
}

/** A server of its own: no state is shared with another. Throws a `TypeError` that names a bad option. */
export function createAuthServer(options: MockAuthOptions): AuthServer {
  const complete = completeOptions(options)
  let world = createWorld(complete)
  const saving = createSaving(complete.store)

  const exchangeOf = (request: Request, given: Surroundings = {}): Exchange => {
    const { cookies = readCookies(request.headers.get('Cookie')), trace = {} } = given
    world.counters.requests += 1
    return { world, request, cookies, trace }
  }

  const answer = async (path: Endpoint['path'], request: Request, given?: Surroundings): Promise<Reply> => {
    const exchange = exchangeOf(request, given)
    const played = await settle(exchange, () => play(path, exchange))
    // A refusal may have ended a session.
    const saved = await settle(exchange, saving.save)
    if (saved instanceof Refusal) return saved.reply
    return played instanceof Refusal ? played.reply : played
  }

  return {
    baseUrl: complete.baseUrl,
    endpoints,
    stats: liveStats(() => world),
    get settings() {
      return world.settings
    },
    async respond(request, surroundings) {
      const endpoint = findEndpoint(complete.basePath, request.url)
      if (!endpoint) return undefined
      const method = methodOf(endpoint, world.settings)
      return isMethod(request, method) ? answer(endpoint.path, request, surroundings) : refuseMethod(method)
    },
    async authorize(request, passage) {
      const exchange = exchangeOf(request, passage)
      const passed = await settle(exchange, () => authorize(exchange, passage?.scope))
      if ('headers' in passed && passed.headers.length > 0) await saving.save()
      return passed instanceof Refusal ? { refusal: passed.reply } : passed
    },
    async issue(username) {
      if (!complete.users.has(username))
        throw new TypeError(`mockAuth: there is no user '${username}' to issue for`)
      const pair = await startSession(world, username)
      await saving.save()
      return tokenAnswer(pair)
    },
    cookiesFor(tokens) {
      const { basePath, baseUrl } = complete
      const secure = baseUrl.startsWith('https:')
      return sessionCookies({ basePath, secure, transport: world.settings.transport }, tokens)
    },
    ...createKnobs(() => world, saving.start),
    reset() {
      world = renewWorld(complete)
      saving.start()
    },
    settled: saving.settled,
  }
}

function isMethod({ method }: Request, expected: Endpoint['method']): boolean {
  return (method === 'HEAD' ? 'GET' : method) === expected
}

function refuseMethod(method: Endpoint['method']): Reply {
  return refuse(405, 'invalid_request', `The method is not ${method}`, [['Allow', method]]).reply
}

interface Saving {
  /** Saves, and rejects with the error of the store. */
  save(): Promise<void>
  /** Saves in the background; `settled` reports the outcome. */
  start(): void
  settled(): Promise<void>
}

function createSaving(store: MockStore): Saving {
  let latest: Promise<void> = Promise.resolve()
  const save = (): Promise<void> => {
    const before = latest.catch(() => {})
    // The whole state is saved each time: a failure is forgotten as soon as a later save succeeds.
    latest = Promise.all([new Promise<void>(resolve => resolve(store.save())), before]).then(() => {})
    return latest
  }
  return { save, start: () => void save().catch(() => {}), settled: () => latest }
}
