/** A small model of a browser, an API and a rotating auth server around one `Auth`, with the rules that always apply. */
import {
  type Auth,
  cookieSession,
  createAuth,
  isAuthError,
  type RefreshContext,
  type TokenResponse,
  type TokenStorage,
} from 'tokenflight'
import {
  type Cell,
  cell,
  engineView,
  jumpWall,
  jwt,
  pass,
  recordStorage,
  SECOND,
  settle,
  type TicketView,
} from './core.js'
import type {
  AccessToken,
  ApiRequest,
  Ending,
  Family,
  Instant,
  ModelOptions,
  OpenCall,
  Order,
  Session,
  Waiter,
} from './core-model-types.js'

/** Longer than any chain of bounded waits that a caller may be put through. */
const PATIENCE = 90 * SECOND

export class World {
  readonly log: string[] = []
  readonly calls: OpenCall[] = []
  readonly api: ApiRequest[] = []
  auth!: Auth
  current: Session | undefined
  private readonly disk: Cell
  private readonly families: Family[] = []
  private readonly byRefreshToken = new Map<string, Family>()
  private readonly byAccessToken = new Map<string, AccessToken>()
  private readonly waiters = new Set<Waiter>()
  private jar: Family | undefined
  private forward = 0
  private backward = 0
  private count = 0
  private faults = 0
  private page = 0
  private isStale = false
  private static names = 0

  private readonly options: ModelOptions

  private order: Order | undefined

  constructor(options: ModelOptions, order?: Order) {
    this.options = options
    this.order = order
    this.disk = cell(null, { shared: options.shared })
    this.openPage()
  }

  // Actions of the application, the user and the device.

  /** The disk as one page sees it; a page that is gone sees nothing. */
  private storageOf(page: number): TokenStorage {
    const { disk, options } = this
    const operation = <T>(work: () => T | Promise<T>): T | Promise<T> => {
      const run = (): T | Promise<T> => {
        if (page !== this.page) throw new Error('The page is gone')
        if (this.faults <= 0) return work()
        this.faults--
        this.isStale = true
        throw new Error('storage fault')
      }
      if (this.order) return this.order.schedule(Promise.resolve(), 'storage').then(run)
      if (!options.storageTicks) return run()
      let waiting = Promise.resolve()
      for (let tick = 1; tick < options.storageTicks; tick++) waiting = waiting.then(() => {})
      return waiting.then(run)
    }
    return recordStorage({
      shared: options.shared,
      get: () => operation(() => disk.record),
      set: record =>
        operation(() => {
          this.isStale = false
          disk.record = record
        }),
      remove: () =>
        operation(() => {
          // A record that could not be replaced is removed: a good session then lives in memory alone.
          this.isStale &&= !!this.current && !this.current.expired
          disk.record = null
        }),
    })
  }

  private openPage(): void {
    const page = ++this.page
    const { mode, autoRefresh, retries } = this.options
    this.auth = createAuth({
      name: `model-${++World.names}`,
      refresh: context => this.grant(context, page),
      autoRefresh,
      storage: mode === 'cookie' ? cookieSession() : this.storageOf(page),
      retry: { limit: retries },
    })
    const { auth } = this
    auth.on('sessionExpired', ({ reason }) => {
      if (page === this.page) this.onExpired(reason)
    })
    auth.on('logout', () => {
      this.log.push('event logout')
    })
  }

  login(sub: string, withRefreshToken: boolean): void {
    this.log.push(`login ${sub}${withRefreshToken ? '' : ' without a refresh token'}`)
    const family = this.register(sub)
    this.jar = family
    const session = this.begin(sub)
    const tokens = this.issue(family, session, withRefreshToken && this.options.mode === 'storage')
    this.await('login', this.auth.login(tokens))
    this.check(this.auth.getState().status === 'authenticated', 'a login shows at once')
  }

  logout(): void {
    this.log.push('logout')
    this.jar = undefined
    this.current = undefined
    this.await('logout', this.auth.logout())
    this.check(this.auth.getState().status === 'anonymous', 'a logout shows at once')
  }

  ask(forceRefresh: boolean): void {
    this.log.push(`getAccessToken${forceRefresh ? ' by force' : ''}`)
    const { session, isOpen } = this.outset()
    this.await(
      'getAccessToken',
      this.auth.getAccessToken({ forceRefresh }).then(token => {
        if (token === undefined) this.check(!session, 'a user who is logged in gets a token')
        else this.checkToken(token, session, isOpen, 'handed out')
      }),
    )
  }

  refresh(): void {
    this.log.push('refresh()')
    this.await('refresh', this.auth.refresh())
  }

  /** A request of an HTTP client: sent when there is a token, replayed once after a 401. */
  request(): void {
    this.log.push('request')
    const { session, isOpen } = this.outset()
    const engine = engineView(this.auth)
    const began = engine.session()
    const send = async (ticket: TicketView, isReplay: boolean): Promise<number> => {
      const token = this.checkToken(ticket.accessToken, session, isOpen, isReplay ? 'replayed' : 'sent')
      this.waiters.delete(waiter)
      const status = await new Promise<number>(resolve => {
        const request: ApiRequest = { ticket, session: token.session, isReplay, resolve }
        this.api.push(request)
        const { order } = this
        void order?.schedule(Promise.resolve(), 'api').then(() => this.reply(request, order.refusal()))
      })
      waiter.since = performance.now()
      if (page === this.page) this.waiters.add(waiter)
      if (status !== 401) ticket.accepted = true
      return status
    }
    const exchange = async (): Promise<void> => {
      const ticket = await engine.acquire(began)
      this.check(ticket || !session, 'a request of a session carries a token')
      if (!ticket || (await send(ticket, false)) !== 401) return
      const next = await engine.rejectGrant(ticket)
      if (next) await send(next, true)
    }
    const { page } = this
    const waiter = this.await('request', exchange())
  }

  async reload(): Promise<void> {
    // Memory is all there is after a fault, and a reload loses it: nothing to promise then.
    if (this.isStale || this.faults > 0) return
    this.log.push('reload')
    this.auth.dispose()
    for (const call of this.calls) call.open = false
    this.calls.length = 0
    this.api.length = 0
    this.waiters.clear()
    for (const token of this.byAccessToken.values()) token.reloaded = true
    if (this.current?.expired) this.current = undefined
    const { record } = this.disk
    if (this.options.mode === 'cookie' && !record?.accessToken) this.current = undefined
    this.openPage()
    await settle()
  }

  /** Waits until the newest access token is about to end. */
  async waitForEnd(): Promise<void> {
    const newest = [...this.byAccessToken.values()].at(-1)
    if (newest) await this.wait(Math.max(0, newest.lifetime - this.since(newest.at).least - 3 * SECOND))
  }

  async wait(milliseconds: number): Promise<void> {
    this.log.push(`${milliseconds} ms pass`)
    await pass(milliseconds)
  }

  jump(milliseconds: number): void {
    this.log.push(`the clock jumps by ${milliseconds} ms`)
    jumpWall(milliseconds)
    if (milliseconds > 0) this.forward += milliseconds
    else this.backward -= milliseconds
  }

  fault(operations: number): void {
    this.log.push(`the next ${operations} storage operations fail`)
    this.faults = operations
  }

  // Actions of the servers.

  /** Signs the user out at the auth server. */
  revoke(): void {
    this.log.push('the server revokes')
    for (const family of this.families) family.revoked = true
  }

  /** Makes the API refuse every access token of today. */
  rotateKeys(): void {
    this.log.push('the API refuses all tokens of today')
    for (const token of this.byAccessToken.values()) token.revoked = true
  }

  get openCalls(): OpenCall[] {
    return this.calls.filter(({ open }) => open)
  }

  end(index: number, ending: Ending): void {
    const open = this.openCalls
    const call = open[index % open.length]
    if (call) this.finish(call, ending)
  }

  private finish(call: OpenCall, ending: Ending): void {
    if (!call.open) return
    this.log.push(`refresh ${this.calls.indexOf(call) + 1} ends: ${ending}`)
    call.open = false
    switch (ending) {
      case 'broken':
        call.reject(new TypeError('Failed to fetch'))
        break
      case 'unavailable':
        call.reject({ response: { status: 503 } })
        break
      case 'overloaded':
        call.reject({ response: { status: 429, headers: { 'retry-after': '3' } } })
        break
      case 'nonsense':
        call.resolve('<!doctype html>' as never)
        break
      default:
        this.tell(call, ending === 'lost')
    }
  }

  private tell(call: OpenCall, isLost: boolean): void {
    const tokens = this.answer(call, isLost)
    if (isLost) call.reject(new TypeError('Failed to fetch'))
    else if (tokens) call.resolve(tokens)
    else {
      const session = this.relevant(call)
      // Without a refresh token it was a question, and a no ends nothing.
      if (session && (this.options.mode === 'cookie' || call.context.refreshToken)) session.refused = true
      call.reject({ response: { status: 400, data: { error: 'invalid_grant' } } })
    }
  }

  respond(index: number, isRefused: boolean): void {
    const request = this.api[index % Math.max(1, this.api.length)]
    if (request) this.reply(request, isRefused)
  }

  private reply(request: ApiRequest, isRefused: boolean): void {
    const at = this.api.indexOf(request)
    if (at < 0) return
    this.api.splice(at, 1)
    const { accessToken } = request.ticket
    const token = this.byAccessToken.get(accessToken)
    const isDead = isRefused || !token || token.revoked || this.since(token.at).least >= token.lifetime
    this.log.push(`the API answers ${isDead ? 401 : 200}`)
    if (isDead) request.session.challenged = true
    request.resolve(isDead ? 401 : 200)
  }

  // Rules that must hold.

  async checkRest(): Promise<void> {
    await settle()
    const now = performance.now()
    for (const { what, since } of this.waiters)
      this.check(now - since < PATIENCE, `${what} is settled in time`)
    const state = this.auth.getState()
    const { current } = this
    if (state.status === 'authenticated') {
      this.check(current && !current.expired, 'nothing of an ended session survives')
      this.check(state.claims?.sub === current?.sub, 'the state shows the present user')
    }
    if (state.status === 'expired') this.check(current?.expired, 'a session that is good is never lost')
    if (state.status === 'anonymous')
      this.check(!current || current.expired, 'a session that is good is never lost')
    const stored = this.disk.record?.accessToken
    if (stored && !this.isStale) {
      const session = this.byAccessToken.get(stored)?.session
      this.check(session && session === current && !session.expired, 'storage holds the present session only')
    }
  }

  /** Everything heals: every waiting call is answered, and a good session still works. */
  async heal(): Promise<void> {
    this.log.push('heal')
    this.order = undefined
    this.faults = 0
    for (let round = 0; round < 40; round++) {
      while (this.openCalls.length) {
        this.end(0, 'truth')
        await settle()
      }
      while (this.api.length) {
        this.respond(0, false)
        await settle()
      }
      await pass(5 * SECOND)
      // Long enough for every late answer, and for every wait.
      if (round >= 5 && !this.waiters.size && !this.openCalls.length) break
    }
    await this.checkRest()
    this.check(
      this.waiters.size === 0,
      `no waiter is left unsettled: ${[...this.waiters].map(({ what }) => what)}`,
    )
    const { current } = this
    this.ask(false)
    for (let round = 0; round < 20; round++) {
      while (this.openCalls.length) {
        this.end(0, 'truth')
        await settle()
      }
      await pass(5 * SECOND)
      if (!this.waiters.size) break
    }
    await this.checkRest()
    this.check(this.waiters.size === 0, 'no waiter is left unsettled')
    if (current && !current.expired)
      this.check(this.auth.getState().status === 'authenticated', 'the session goes on')
  }

  dispose(): void {
    this.auth.dispose()
  }

  private grant(context: RefreshContext, page: number): Promise<TokenResponse> {
    const { mode } = this.options
    if (page !== this.page) return Promise.reject(new Error('The page is gone'))
    this.log.push(`refresh ${this.calls.length + 1} begins: ${context.reason}, attempt ${context.attempt}`)
    const { current } = this
    if (mode === 'cookie') {
      this.check(this.openCalls.length === 0, 'at most one refresh is under way')
      this.check(context.refreshToken === undefined, 'cookie mode shows no refresh token')
    } else {
      this.check(current && !current.expired, 'only a living session is refreshed')
      this.check(
        !this.openCalls.some(({ session }) => session === current),
        'at most one refresh is under way',
      )
      if (context.refreshToken !== undefined) {
        this.check(context.refreshToken === current?.refreshToken, 'the newest refresh token is used')
      }
    }
    if (context.accessToken) {
      this.check(
        this.byAccessToken.get(context.accessToken)?.session === current,
        'it is the present session',
      )
    }
    return new Promise<TokenResponse>((resolve, reject) => {
      const call: OpenCall = { context, session: current, resolve, reject, open: true }
      this.calls.push(call)
      const { order } = this
      void order?.schedule(Promise.resolve(), 'auth server').then(() => this.finish(call, order.ending()))
      // As fetch does.
      context.signal.addEventListener('abort', () => {
        if (call.open) this.log.push(`refresh ${this.calls.indexOf(call) + 1} is aborted`)
        call.open = false
        reject(context.signal.reason)
      })
    })
  }

  /** The session that an answer is for, if it still matters. */
  private relevant(call: OpenCall): Session | undefined {
    return call.session === this.current && !call.session?.expired ? call.session : undefined
  }

  /** The answer of the server to a grant; undefined: it refuses. */
  private answer(call: OpenCall, isLost: boolean): TokenResponse | undefined {
    const { refreshToken } = call.context
    const family = this.familyOf(call)
    if (!family || family.revoked) return undefined
    if (refreshToken && refreshToken !== family.current && refreshToken !== family.parent) {
      family.revoked = true
      this.check(false, 'never two successful grants with one refresh token')
    }
    if ((this.options.rotates || !refreshToken) && (!refreshToken || refreshToken !== family.parent)) {
      family.parent = family.current
      family.current = this.mintRefreshToken(family)
    }
    if (isLost) return undefined
    let session = this.relevant(call)
    // A cookie stands for the user who is logged in at the server by now.
    if (this.options.mode === 'cookie' && (!session || session.sub !== family.sub))
      session = this.begin(family.sub)
    return this.issue(
      family,
      session ?? this.stranger(family.sub),
      (this.options.rotates || !refreshToken) && this.options.mode === 'storage',
    )
  }

  private familyOf({ context }: OpenCall): Family | undefined {
    const { refreshToken, accessToken } = context
    if (this.options.mode === 'cookie') return this.jar
    if (refreshToken) return this.byRefreshToken.get(refreshToken)
    return this.options.offersPairs && accessToken ? this.byAccessToken.get(accessToken)?.family : undefined
  }

  private register(sub: string): Family {
    const family: Family = { sub, current: '', parent: undefined, revoked: false }
    family.current = this.mintRefreshToken(family)
    this.families.push(family)
    return family
  }

  private begin(sub: string): Session {
    this.current = this.stranger(sub)
    return this.current
  }

  private stranger(sub: string): Session {
    return {
      sub,
      refreshToken: undefined,
      refreshTokenAt: this.now(),
      refused: false,
      challenged: false,
      expired: false,
    }
  }

  private mintRefreshToken(family: Family): string {
    const token = `rt-${family.sub}-${++this.count}`
    this.byRefreshToken.set(token, family)
    return token
  }

  private issue(family: Family, session: Session, withRefreshToken: boolean): TokenResponse {
    const { lifetime, refreshLifetime } = this.options
    const at = this.now()
    const issuedAt = Date.now()
    const access_token = jwt({
      sub: family.sub,
      jti: ++this.count,
      iat: issuedAt / 1000,
      exp: (issuedAt + lifetime) / 1000,
    })
    this.byAccessToken.set(access_token, { session, family, at, lifetime, reloaded: false, revoked: false })
    if (this.options.mode === 'cookie') {
      session.refreshTokenAt = at
      return { access_token, refresh_expires_in: refreshLifetime / 1000 }
    }
    if (!withRefreshToken) return { access_token }
    session.refreshToken = family.current
    session.refreshTokenAt = at
    return { access_token, refresh_token: family.current, refresh_expires_in: refreshLifetime / 1000 }
  }

  /** The state in which a call begins; `isOpen`: it is not known yet whether a user is logged in. */
  private outset(): { session: Session | undefined; isOpen: boolean } {
    const isOpen = this.options.mode === 'cookie' && this.auth.getState().status !== 'authenticated'
    return { session: isOpen || this.current?.expired ? undefined : this.current, isOpen }
  }

  private checkToken(text: string, session: Session | undefined, isOpen: boolean, what: string): AccessToken {
    const token = this.byAccessToken.get(text)
    if (!token) throw this.fail(`a token that no server issued is ${what}`)
    const age = this.since(token.at)
    const least = token.reloaded ? age.least - age.back : age.least
    this.check(least < token.lifetime, `no token that is known to be dead is ${what}`)
    this.check(isOpen || token.session === session, `no token of another session is ${what}`)
    this.check(!token.session.expired, `no token of an ended session is ${what}`)
    return token
  }

  private onExpired(reason: string): void {
    this.log.push(`event sessionExpired: ${reason}`)
    const { current } = this
    if (!current) throw this.fail('no user was logged in')
    this.check(!current.expired, 'a session ends once')
    current.expired = true
    if (reason === 'refresh_rejected') this.check(current.refused, 'a session that is good is never lost')
    if (reason === 'refresh_token_expired') {
      const age = this.since(current.refreshTokenAt).most
      this.check(
        this.options.refreshLifetime && age >= this.options.refreshLifetime,
        'its refresh token has ended',
      )
    }
    if (reason === 'no_refresh_token') {
      this.check(this.options.mode === 'storage' && !current.refreshToken, 'it had no refresh token')
      const isDead = [...this.byAccessToken.values()].some(
        ({ session, at, lifetime }) => session === current && this.since(at).most >= lifetime,
      )
      this.check(isDead || current.challenged, 'its access token has ended')
    }
  }

  private await(what: string, promise: Promise<unknown>): Waiter {
    const waiter: Waiter = { what, since: performance.now() }
    this.waiters.add(waiter)
    promise.then(
      () => this.waiters.delete(waiter),
      error => {
        this.waiters.delete(waiter)
        if (!isAuthError(error)) this.failure ??= error
      },
    )
    return waiter
  }

  /** The first mistake in a place where no error could be thrown. */
  failure: Error | undefined

  private check(holds: unknown, sentence: string): void {
    if (!holds) throw this.fail(sentence)
  }

  fail(sentence: string): Error {
    const error = new Error(`${sentence}\n  ${this.log.join('\n  ')}`)
    this.failure ??= error
    return error
  }

  private now(): Instant {
    const least = performance.now()
    return { least, most: least + this.forward, back: this.backward }
  }

  private since(then: Instant): Instant {
    const now = this.now()
    return { least: now.least - then.least, most: now.most - then.most, back: now.back - then.back }
  }
}
