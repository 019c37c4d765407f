/** Outside components: in any scope that the app can be injected from. No DOM. */
import type { AuthState, JwtClaims } from 'tokenflight'
import { createAuthPlugin, type UseAuth, useAuth, useClaims } from 'tokenflight/vue'
import { describe, expect, expectTypeOf, it, vi } from 'vitest'
import {
  type App,
  type ComputedRef,
  computed,
  createApp,
  effectScope,
  isReadonly,
  isRef,
  ref,
  watch,
} from 'vue'
import { type Counted, type Person, refused, session, tokens } from '../support/hooks.js'

const appOf = (auth: Counted): App => createApp({}).use(createAuthPlugin(auth))

/** Runs a composable in a scope of its own. */
function scoped<T>(auth: Counted, composable: () => T): { value: T; stop: () => void } {
  const scope = effectScope()
  const value = appOf(auth).runWithContext(() => scope.run(composable)) as T
  return { value, stop: () => scope.stop() }
}

describe('useAuth', () => {
  it('gives refs that follow a session from its login over a refresh to its logout', async () => {
    const auth = session()
    const { value } = scoped(auth, () => useAuth<Person>())
    const { status, claims, expiresAt, refreshing, state } = value
    expect(status.value).toBe('anonymous')
    expect(refreshing.value).toBe(false)
    await value.login(tokens({ name: 'Ada' }))
    expect(status.value).toBe('authenticated')
    expect(claims.value?.name).toBe('Ada')
    expect(expiresAt.value).toBeGreaterThan(Date.now())
    expect(state.value).toBe(auth.getState())
    expect(await value.getAccessToken()).toMatch(/^ey/)
    const refresh = value.refresh()
    await vi.waitFor(() => expect(refreshing.value).toBe(true))
    await refresh
    expect(refreshing.value).toBe(false)
    await value.logout()
    expect(status.value).toBe('anonymous')
    expect(claims.value).toBeUndefined()
  })

  it('shows why a session ended, and the error of a refresh that failed', async () => {
    let isRefused = false
    const auth = session({ refresh: () => (isRefused ? refused() : Promise.reject(new Error('no network'))) })
    await auth.login(tokens())
    const { value } = scoped(auth, useAuth)
    await auth.refresh().catch(() => {})
    expect(value.status.value).toBe('authenticated')
    expect(value.error.value).toMatchObject({ code: 'ERR_REFRESH_FAILED' })
    isRefused = true
    await auth.refresh().catch(() => {})
    expect(value.status.value).toBe('expired')
    expect(value.reason.value).toBe('refresh_rejected')
  })

  it('gives the end of the session', async () => {
    const auth = session()
    await auth.login({ ...tokens(), refresh_expires_in: 3600 })
    const { value } = scoped(auth, useAuth)
    expect(value.sessionExpiresAt.value).toBeGreaterThan(Date.now() + 3_500_000)
  })

  it('gives read-only refs', () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { value } = scoped(session(), (): unknown[] => [...Object.values(useAuth()), useClaims()])
    const refs = value.filter(one => isRef(one))
    expect(refs).toHaveLength(9)
    for (const one of refs) {
      const before = one.value
      ;(one as { value: unknown }).value = 'forged'
      expect(one.value).toBe(before)
      expect(isReadonly(one)).toBe(true)
    }
  })

  it('gives the functions of the session itself', () => {
    const auth = session()
    const { login, logout, refresh, getAccessToken } = scoped(auth, useAuth).value
    expect({ login, logout, refresh, getAccessToken }).toEqual({
      login: auth.login,
      logout: auth.logout,
      refresh: auth.refresh,
      getAccessToken: auth.getAccessToken,
    })
  })

  it('runs watchers once for each change of their value', async () => {
    const auth = session()
    const seen: string[] = []
    const { stop } = scoped(auth, () => {
      const { status } = useAuth()
      watch(status, now => void seen.push(now), { flush: 'sync' })
    })
    await auth.login(tokens())
    await auth.refresh()
    await auth.refresh()
    await auth.logout()
    expect(seen).toEqual(['authenticated', 'anonymous'])
    stop()
  })

  it('listens until its scope ends, and no longer', async () => {
    const auth = session()
    const one = scoped(auth, useAuth)
    const two = scoped(auth, () => [useAuth(), useClaims(), useClaims((claims: Person) => claims.name)])
    expect(auth.listeners).toBe(4)
    two.stop()
    expect(auth.listeners).toBe(1)
    one.stop()
    expect(auth.listeners).toBe(0)
    await auth.login(tokens())
    expect(one.value.status.value).toBe('anonymous')
  })

  it('listens once for all calls outside a scope, such as those of a navigation guard', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const auth = session()
    const app = appOf(auth)
    const guard = (): UseAuth => app.runWithContext(() => useAuth())
    const first = guard()
    for (let navigation = 0; navigation < 10; navigation++) expect(guard().status.value).toBe('anonymous')
    expect(auth.listeners).toBe(1)
    await auth.login(tokens())
    expect(first.status.value).toBe('authenticated')
    expect(guard().status.value).toBe('authenticated')
    const { stop } = scoped(auth, useAuth)
    expect(auth.listeners).toBe(2)
    stop()
    expect(auth.listeners).toBe(1)
    expect(warn).not.toHaveBeenCalled()
  })

  it('names the missing plugin', () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    expect(() => useAuth()).toThrow(/app\.use\(createAuthPlugin\(auth\)\)/)
    expect(() => createApp({}).runWithContext(() => useClaims())).toThrow(/createAuthPlugin/)
  })

  it('belongs to its app: two apps on a page, two sessions', async () => {
    const one = session()
    const two = session()
    await two.login(tokens())
    expect(scoped(one, useAuth).value.status.value).toBe('anonymous')
    expect(scoped(two, useAuth).value.status.value).toBe('authenticated')
  })
})

describe('useClaims', () => {
  it('gives all claims without a selector, and undefined where there are none', async () => {
    const auth = session()
    const { value } = scoped(auth, () => useClaims<Person>())
    expect(value.value).toBeUndefined()
    await auth.login(tokens())
    expect(value.value).toMatchObject({ sub: 'ada', name: 'Ada', roles: ['admin'] })
  })

  it.each<[string, (claims: Person) => unknown]>([
    ['a primitive', claims => claims.name],
    ['an array of the claims', claims => claims.roles],
    ['an object made anew', ({ name, sub }) => ({ name, sub })],
  ])('changes only when the selected value has changed: %s', async (_, selector) => {
    const auth = session()
    await auth.login(tokens())
    let runs = 0
    const { value } = scoped(auth, () => {
      const selected = useClaims(selector)
      const seen: ComputedRef<unknown> = computed(() => selected.value)
      watch(seen, () => void runs++, { flush: 'sync' })
      return seen
    })
    const first = value.value
    await auth.refresh()
    await auth.refresh()
    expect(runs).toBe(0)
    expect(value.value).toBe(first)
    await auth.login(tokens({ sub: 'grace', name: 'Grace', roles: ['user'] }))
    expect(runs).toBe(1)
    await auth.logout()
    expect(value.value).toBeUndefined()
  })

  it('follows the other sources of the selector', async () => {
    const auth = session()
    await auth.login(tokens({ roles: ['admin'] }))
    const role = ref('admin')
    const { value } = scoped(auth, () => useClaims((claims: Person) => claims.roles.includes(role.value)))
    expect(value.value).toBe(true)
    role.value = 'owner'
    expect(value.value).toBe(false)
  })

  it('throws the error of the selector at each access, until the selector returns', async () => {
    const auth = session()
    await auth.login(tokens({ sub: 'ada', roles: ['admin'] }))
    const { value } = scoped(auth, () => useClaims((claims: Person) => claims.roles.includes('admin')))
    expect(value.value).toBe(true)
    await auth.login(tokens({ sub: 'bob', roles: undefined as never }))
    for (let access = 0; access < 3; access++) expect(() => value.value).toThrow(TypeError)
    await auth.login(tokens({ sub: 'grace', roles: ['admin'] }))
    expect(value.value).toBe(true)
  })

  it('does not call the selector without claims', () => {
    const selector = vi.fn()
    expect(scoped(session(), () => useClaims(selector)).value.value).toBeUndefined()
    expect(selector).not.toHaveBeenCalled()
  })
})

describe('types', () => {
  it('thread the claims of the application', () => {
    const typed = (): void => {
      const { state, claims, status, refreshing } = useAuth<Person>()
      expectTypeOf(state.value).toEqualTypeOf<AuthState<Person>>()
      expectTypeOf(claims.value).toEqualTypeOf<Person | undefined>()
      expectTypeOf(status.value).toEqualTypeOf<'loading' | 'anonymous' | 'authenticated' | 'expired'>()
      expectTypeOf(refreshing.value).toEqualTypeOf<boolean>()
      expectTypeOf(useClaims().value).toEqualTypeOf<JwtClaims | undefined>()
      expectTypeOf(useClaims((one: Person) => one.roles).value).toEqualTypeOf<string[] | undefined>()
      // @ts-expect-error read-only
      status.value = 'expired'
    }
    expect(typed).toBeTypeOf('function')
  })
})
