/** A strictly rotating auth server with reuse detection, and a network that loses, delays and refuses. */
import type { RefreshContext, TokenResponse } from 'tokenflight'
import type { SimTab, World } from './tabs-world.js'

export interface Family {
  readonly id: number
  readonly user: string
  revoked: boolean
  /** The user has logged out of it, or in to another; then its end harms no session. */
  isOver: boolean
  current: string
  /** Logged out: when, and in which tab. */
  left?: { readonly at: number; readonly tab: SimTab }
  /** The token spent last: when, and the answer that replaced it. */
  spent?: { token: string; at: number; away: number; answer: TokenResponse }
}

/** How likely each fate of a refresh request is; the rest goes well. */
export interface Fates {
  /** It never reaches the server. */
  lostBefore?: number
  /** The server grants, and the answer is lost. */
  lostAfter?: number
  /** The answer takes longer than `refreshTimeout`, but less than twice as long. */
  slow?: number
  /** 503 or 429, with `Retry-After` or without. */
  refused?: number
}

export interface ServerOptions {
  readonly lifetime: number
  readonly refreshTimeout: number
  readonly grace: number
  readonly isLenient: boolean
  readonly cookie: boolean
}

const httpFailure = (status: number, data?: unknown, headers: Record<string, string> = {}): Error =>
  Object.assign(new Error(`status ${status}`), { response: { status, data, headers } })

export class SimServer {
  fates: Fates = {}
  readonly families: Family[] = []
  /** The browser's cookie, in cookie mode. */
  cookie: string | undefined
  grants = 0
  repeats = 0
  reuses = 0
  /** Those before any loss. */
  unexcused = 0
  requests = 0
  /** Reuses that only a sleep of the device, or of its network, has made. */
  tooLate = 0
  /** Refresh requests per token that the server looked at. */
  readonly presented = new Map<string, number>()
  /** Refreshes under way, by tab. */
  readonly open = new Map<SimTab, number>()
  /** How often a client could not learn of a grant: from then on no client can promise anything. */
  losses = 0
  /** Called when a tab's request has been granted. */
  onGrant: (tab: SimTab) => void = () => {}
  /** Called when the browser takes a cookie from a refresh. */
  onCookie: (family: Family | undefined) => void = () => {}
  #count = 0
  readonly #owners = new Map<string, Family>()
  readonly #ends = new Map<string, number>()
  readonly #world: World
  readonly #options: ServerOptions

  constructor(world: World, options: ServerOptions) {
    this.#world = world
    this.#options = options
  }
  login(user: string): TokenResponse {
    const family: Family = { id: this.families.length + 1, user, revoked: false, isOver: false, current: '' }
    this.families.push(family)
    const answer = this.#mint(family)
    if (this.#options.cookie) this.cookie = family.current
    return answer
  }
  owner(token: string): Family | undefined {
    return this.#owners.get(token)
  }
  /** Whether a protected resource takes it. */
  accepts(accessToken: string): boolean {
    return (this.#ends.get(accessToken) ?? 0) > this.#world.now && !this.owner(accessToken)?.revoked
  }
  revokeAccess(): void {
    for (const token of this.#ends.keys()) this.#ends.set(token, 0)
  }
  logout(token: string | undefined): void {
    const family = token && this.owner(token)
    if (family) family.revoked = true
  }
  /** The `refresh` of a tab. */
  refreshFrom(tab: SimTab): (context: RefreshContext) => Promise<TokenResponse> {
    const world = this.#world
    return ({ refreshToken, reason, signal }) =>
      new Promise((resolve, reject) => {
        if (!tab.alive) return
        const token = this.#options.cookie ? this.cookie : refreshToken
        world.mark(`refresh sent ${token}`, tab)
        this.open.set(tab, (this.open.get(tab) ?? 0) + 1)
        let isOver = false
        const end = (settle: () => void): void => {
          if (isOver) return
          isOver = true
          this.open.set(tab, (this.open.get(tab) ?? 1) - 1)
          settle()
        }
        const broken = (): void => end(() => reject(new TypeError('Failed to fetch')))
        signal.addEventListener('abort', () => end(() => reject(signal.reason)))
        if (!world.online) return world.task(2, tab, broken)
        const drawn = this.#fate()
        // Only the tab itself knows of a restore that takes so long.
        const fate = drawn === 'slow' && reason === 'restore' ? undefined : drawn
        if (fate) world.log(`fate: ${fate}`, tab)
        if (fate === 'lostBefore') return world.task(world.between(1, 300), tab, broken)
        const { cookie } = this.#options
        world.remote(world.between(3, 60), () => {
          // Cancelled with its page, unless a cookie is all that it carries (`keepalive`).
          if (isOver || !(tab.alive || cookie)) return
          const { reuses } = this
          const answer = fate === 'refused' ? this.#refusal() : this.#refresh(token)
          if (this.reuses > reuses) {
            // It came after the request of a sibling that took over.
            if ((!tab.alive && fate === 'slow') || tab.frozen) this.losses++
            else if (!this.losses) this.unexcused++
          }
          world.mark('refresh processed', tab)
          const isGrant = !(answer instanceof Error)
          if (isGrant) this.onGrant(tab)
          if (fate === 'lostAfter') {
            if (isGrant) this.losses++
            return world.task(world.between(1, 300), tab, broken)
          }
          const { refreshTimeout } = this.#options
          const delay =
            fate === 'slow' ? world.between(refreshTimeout, 1.9 * refreshTimeout) : world.between(3, 60)
          world.browser(delay, () => {
            // Aborted by a logout or a login; the session that it was for is over.
            if (isOver || !(tab.alive || cookie)) return
            if (!world.online) {
              if (isGrant) this.losses++
              return world.task(0, tab, broken)
            }
            if (isGrant && cookie) this.#keepCookie(this.owner(answer.access_token ?? ''))
            world.task(0, tab, () => {
              world.mark('refresh answered', tab)
              end(() => (answer instanceof Error ? reject(answer) : resolve(answer)))
            })
          })
        })
      })
  }
  #keepCookie(family: Family | undefined): void {
    this.cookie = family?.current
    this.onCookie(family)
  }
  get #away(): number {
    return this.#world.slept + this.#world.offline
  }
  #fate(): keyof Fates | undefined {
    let luck = this.#world.random()
    for (const [name, share] of Object.entries(this.fates) as [keyof Fates, number][]) {
      luck -= share
      if (luck < 0) return name
    }
    return undefined
  }
  #refusal(): Error {
    const { random } = this.#world
    const status = random() < 0.5 ? 503 : 429
    return httpFailure(
      status,
      undefined,
      random() < 0.5 ? {} : { 'retry-after': String(Math.ceil(random() * 20)) },
    )
  }
  #refresh(token: string | undefined): TokenResponse | Error {
    this.requests++
    const family = token === undefined ? undefined : this.owner(token)
    if (token === undefined || !family || family.revoked) return httpFailure(400, { error: 'invalid_grant' })
    this.presented.set(token, (this.presented.get(token) ?? 0) + 1)
    if (token === family.current) {
      this.grants++
      const answer = this.#mint(family)
      family.spent = { token, at: this.#world.now, away: this.#away, answer }
      return answer
    }
    const { spent } = family
    const since = spent?.token === token ? this.#world.now - spent.at : Number.POSITIVE_INFINITY
    if (since < this.#options.grace) {
      this.repeats++
      return spent?.answer as TokenResponse
    }
    if (this.#options.isLenient) return httpFailure(400, { error: 'invalid_grant' })
    family.revoked = true
    this.#world.log(`REUSE of ${token}`)
    // A tab that sleeps, or is offline, for longer than the grace window comes too late in any case.
    if (family.isOver) return httpFailure(400, { error: 'invalid_grant' })
    if (since - (this.#away - (spent?.away ?? 0)) < this.#options.grace) this.tooLate++
    else this.reuses++
    return httpFailure(400, { error: 'invalid_grant' })
  }
  #mint(family: Family): TokenResponse {
    const number = ++this.#count
    const seconds = this.#world.now / 1000
    const payload = {
      sub: family.user,
      jti: number,
      iat: seconds,
      exp: seconds + this.#options.lifetime / 1000,
    }
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const accessToken = `${encode({ alg: 'none' })}.${encode(payload)}.x`
    family.current = `rt-${family.id}-${number}`
    this.#owners.set(accessToken, family).set(family.current, family)
    this.#ends.set(accessToken, this.#world.now + this.#options.lifetime)
    return {
      access_token: accessToken,
      ...(!this.#options.cookie && { refresh_token: family.current }),
    }
  }
}
