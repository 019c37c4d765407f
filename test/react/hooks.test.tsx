// @vitest-environment happy-dom
/** The state that components see, and the number of their renders. */
import { act, render, renderHook } from '@testing-library/react'
import { Component, lazy, memo, type ReactNode, StrictMode, Suspense, startTransition, useState } from 'react'
import type { AuthState, JwtClaims } from 'tokenflight'
import { AuthProvider, type UseAuth, useAuth, useClaims } from 'tokenflight/react'
import { describe, expect, expectTypeOf, it, vi } from 'vitest'
import { type Counted, type Person, refused, session, tokens } from '../support/hooks.js'

const within =
  (auth: Counted, Wrapper: (props: { children: ReactNode }) => ReactNode = ({ children }) => children) =>
  ({ children }: { children: ReactNode }) => (
    <Wrapper>
      <AuthProvider auth={auth}>{children}</AuthProvider>
    </Wrapper>
  )
/** Shows an error in place of its children. */
class Boundary extends Component<{ readonly children: ReactNode }> {
  static getDerivedStateFromError = (): object => ({ hasFailed: true })
  override state = { hasFailed: false }
  override render() {
    return this.state.hasFailed ? 'failed' : this.props.children
  }
}
const Strict = ({ children }: { children: ReactNode }) => <StrictMode>{children}</StrictMode>

const hasRole = (claims: Person): boolean => claims.roles.includes('admin')

/** Renders a hook and counts how often. */
function watch<T>(auth: Counted, hook: () => T) {
  let renders = 0
  const view = renderHook(
    () => {
      renders++
      return hook()
    },
    { wrapper: within(auth) },
  )
  return {
    get current() {
      return view.result.current
    },
    get renders() {
      return renders
    },
    unmount: view.unmount,
  }
}

describe('useAuth', () => {
  it('follows a session from its login over a refresh to its logout', async () => {
    const auth = session()
    const view = watch(auth, () => useAuth<Person>())
    expect(view.current.status).toBe('anonymous')
    await act(() => view.current.login(tokens({ name: 'Ada' })))
    expect(view.current).toMatchObject({
      status: 'authenticated',
      refreshing: false,
      claims: { name: 'Ada' },
    })
    const { expiresAt } = view.current
    expect(expiresAt).toBeGreaterThan(Date.now())
    expect(await view.current.getAccessToken()).toMatch(/^ey/)
    await act(() => view.current.refresh())
    expect(view.current.status).toBe('authenticated')
    await act(() => view.current.logout())
    expect(view.current.status).toBe('anonymous')
    expect(view.current.claims).toBeUndefined()
  })

  it('shows the logout and the login of a session that was disposed', async () => {
    const auth = session()
    const view = watch(auth, () => useAuth<Person>())
    await act(() => auth.login(tokens()))
    auth.dispose()
    await act(() => auth.logout())
    expect(view.current.status).toBe('anonymous')
    await act(() => auth.login(tokens()))
    expect(view.current.status).toBe('authenticated')
  })

  it('shows that a refresh is under way, that one failed, and why a session ended', async () => {
    let answer: (tokens: object) => void = () => {}
    let fail: (error: Error) => void = () => {}
    const auth = session({
      refresh: () =>
        new Promise((resolve, reject) => {
          answer = resolve
          fail = reject
        }),
    })
    await auth.login(tokens())
    const view = watch(auth, () => useAuth<Person>())
    let refresh = Promise.resolve()
    await act(async () => {
      refresh = auth.refresh()
    })
    expect(view.current.refreshing).toBe(true)
    await act(async () => {
      answer(tokens({ name: 'Ada L.' }))
      await refresh
    })
    expect(view.current).toMatchObject({ refreshing: false, claims: { name: 'Ada L.' } })
    await act(async () => {
      refresh = auth.refresh().catch(() => {})
      fail(new Error('no network'))
      await refresh
    })
    expect(view.current).toMatchObject({ status: 'authenticated', error: { code: 'ERR_REFRESH_FAILED' } })
    await act(async () => {
      refresh = auth.refresh().catch(() => {})
      fail(Object.assign(new Error('refused'), { status: 401 }))
      await refresh
    })
    expect(view.current).toMatchObject({ status: 'expired', reason: 'refresh_rejected' })
  })

  it('renders once for each change of the state and never else', async () => {
    const auth = session()
    const view = watch(auth, () => useAuth())
    expect(view.renders).toBe(1)
    await act(() => auth.login(tokens()))
    expect(view.renders).toBe(2)
    await act(() => auth.getAccessToken())
    await act(() => auth.getAccessToken())
    expect(view.renders).toBe(2)
    await act(async () => {
      await auth.refresh()
    })
    expect(view.renders).toBeLessThanOrEqual(4)
    const { renders } = view
    await act(() => auth.logout())
    await act(() => auth.logout())
    expect(view.renders).toBe(renders + 1)
  })

  it('gives the same functions for ever, and the same object until something changed', async () => {
    const auth = session()
    const seen: UseAuth[] = []
    const { rerender } = renderHook(() => seen.push(useAuth()), { wrapper: within(auth) })
    rerender()
    expect(seen[1]).toBe(seen[0])
    await act(() => auth.login(tokens()))
    const [before, , after] = seen
    expect(after).not.toBe(before)
    for (const name of ['login', 'logout', 'refresh', 'getAccessToken'] as const)
      expect(after?.[name]).toBe(before?.[name])
  })

  it('never shows a token', async () => {
    const auth = session()
    await auth.login(tokens())
    const view = watch(auth, () => useAuth())
    const token = await auth.getAccessToken()
    expect(JSON.stringify(view.current)).not.toContain(token)
    expect(JSON.stringify(view.current)).not.toContain('rt-')
  })

  it('names the missing provider, or the missing auth of a provider', () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    expect(() => renderHook(() => useAuth())).toThrow(/<AuthProvider auth=\{auth\}>/)
    expect(() => renderHook(() => useClaims())).toThrow(/<AuthProvider auth=\{auth\}>/)
    expect(() => renderHook(() => useAuth(), { wrapper: within(undefined as never) })).toThrow(/AuthProvider/)
  })

  it('follows the provider when it is given another session, and lets go of the first', async () => {
    const one = session()
    const two = session()
    await one.login(tokens({ name: 'Ada' }))
    await two.login(tokens({ name: 'Grace' }))
    const Name = () => useAuth<Person>().claims?.name
    const { container, rerender } = render(<AuthProvider auth={one}>{<Name />}</AuthProvider>)
    expect(container.textContent).toBe('Ada')
    rerender(<AuthProvider auth={two}>{<Name />}</AuthProvider>)
    expect(container.textContent).toBe('Grace')
    expect([one.listeners, two.listeners]).toEqual([0, 1])
  })

  it('takes the nearest provider', async () => {
    const outer = session()
    const inner = session()
    await inner.login(tokens())
    const Status = () => useAuth().status
    const { container } = render(
      <AuthProvider auth={outer}>
        <Status />{' '}
        <AuthProvider auth={inner}>
          <Status />
        </AuthProvider>
      </AuthProvider>,
    )
    expect(container.textContent).toBe('anonymous authenticated')
  })
})

describe('AuthProvider', () => {
  it('renders its children once, through every state of the session', async () => {
    const auth = session()
    let renders = 0
    const Child = memo(() => {
      renders++
      return null
    })
    render(
      <AuthProvider auth={auth}>
        <Child />
      </AuthProvider>,
    )
    await act(() => auth.login(tokens()))
    await act(() => auth.logout())
    expect(renders).toBe(1)
    expect(auth.listeners).toBe(0)
  })
})

describe('useClaims', () => {
  it('does not render because the provider did', () => {
    const auth = session()
    let renders = 0
    const Child = memo(() => {
      renders++
      return useClaims((claims: Person) => claims.name)
    })
    const child = <Child />
    const { rerender } = render(<AuthProvider auth={auth}>{child}</AuthProvider>)
    rerender(<AuthProvider auth={auth}>{child}</AuthProvider>)
    expect(renders).toBe(1)
  })

  it('gives all claims without a selector, and undefined where there are none', async () => {
    const auth = session()
    const view = watch(auth, () => useClaims<Person>())
    expect(view.current).toBeUndefined()
    await act(() => auth.login(tokens({ name: 'Ada' })))
    expect(view.current).toMatchObject({ sub: 'ada', name: 'Ada', roles: ['admin'] })
    await act(() => auth.logout())
    expect(view.current).toBeUndefined()
  })

  it.each<[string, (claims: Person) => unknown]>([
    ['a primitive', claims => claims.name],
    ['NaN', () => Number.NaN],
    ['an array of the claims', claims => claims.roles],
    ['an array made anew', claims => claims.roles.map(role => role.toUpperCase())],
    ['an object made anew', ({ name, sub }) => ({ name, sub })],
  ])('renders only when the selected value has changed: %s', async (_, selector) => {
    const auth = session()
    await auth.login(tokens())
    const view = watch(auth, () => useClaims((claims: Person) => selector(claims)))
    const { current } = view
    await act(() => auth.refresh())
    await act(() => auth.refresh())
    expect(view.renders).toBe(1)
    expect(view.current).toBe(current)
    await act(() => auth.logout())
    expect(view.current).toBeUndefined()
  })

  it('renders when it has changed', async () => {
    const auth = session({ refresh: async () => tokens({ name: 'Ada L.', roles: ['admin', 'owner'] }) })
    await auth.login(tokens())
    const view = watch(auth, () =>
      useClaims((claims: Person) => ({ name: claims.name, roles: claims.roles.length })),
    )
    expect(view.current).toEqual({ name: 'Ada', roles: 1 })
    await act(() => auth.refresh())
    expect(view.current).toEqual({ name: 'Ada L.', roles: 2 })
    expect(view.renders).toBe(2)
  })

  it.each([
    ['a member less', () => ({ a: 1 }), () => ({ a: 1, b: 2 })],
    ['a member undefined', () => ({ a: 1, b: 1 }), () => ({ a: 1, b: undefined })],
    ['an array in place of an object', () => ({ 0: 1 }), () => [1]],
    ['null', () => null, () => ({})],
    ['another Set', () => new Set([1]), () => new Set([2])],
    ['another Date', () => new Date(1), () => new Date(2)],
  ])('sees the difference of %s', async (_, one, two) => {
    const auth = session()
    await auth.login(tokens({ name: 'one' }))
    const view = watch(auth, () => useClaims((claims: Person) => (claims.name === 'one' ? one() : two())))
    await act(() => auth.login(tokens({ name: 'two' })))
    expect(view.current).toEqual(two())
    await act(() => auth.login(tokens({ name: 'one' })))
    expect(view.current).toEqual(one())
  })

  it('asks another selector at once, and none while there are no claims', async () => {
    const auth = session()
    const selector = vi.fn((claims: Person, role: string) => claims.roles.includes(role))
    let setRole: (role: string) => void = () => {}
    const view = watch(auth, () => {
      const [role, set] = useState('admin')
      setRole = set
      return useClaims((claims: Person) => selector(claims, role))
    })
    expect(view.current).toBeUndefined()
    expect(selector).not.toHaveBeenCalled()
    await act(() => auth.login(tokens({ roles: ['admin'] })))
    expect(view.current).toBe(true)
    act(() => setRole('owner'))
    expect(view.current).toBe(false)
  })

  it('gives the same object at each render of the parent, although the selector is made anew', async () => {
    const auth = session()
    await auth.login(tokens({ name: 'Ada' }))
    const seen = new Set<unknown>()
    let rerender: (turn: number) => void = () => {}
    const Child = () => {
      const [, setTurn] = useState(0)
      rerender = setTurn
      const user = useClaims(({ name, sub }: Person) => ({ name, sub }))
      seen.add(user)
      return user?.name ?? 'guest'
    }
    const { container } = render(<Child />, { wrapper: within(auth, Strict) })
    // StrictMode renders twice before the first effect.
    seen.clear()
    act(() => rerender(1))
    await act(() => auth.refresh())
    act(() => rerender(2))
    expect(seen.size).toBe(1)
    await act(() => auth.login(tokens({ name: 'Bob', sub: 'bob' })))
    expect(container.textContent).toBe('Bob')
    await act(() => auth.logout())
    expect(container.textContent).toBe('guest')
  })

  it('runs the selector once for the claims, not once for each render, when it stays the same', async () => {
    const auth = session()
    await auth.login(tokens())
    const selector = vi.fn((claims: Person) => claims.name)
    const { rerender } = renderHook(() => useClaims(selector), { wrapper: within(auth) })
    rerender()
    rerender()
    expect(selector).toHaveBeenCalledTimes(1)
  })

  it.each([
    ['the same', (selector: typeof hasRole) => selector],
    ['another', (selector: typeof hasRole) => (claims: Person) => selector(claims)],
  ])('shows nothing of the user before if the selector throws: %s at each render', async (_, at) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const auth = session()
    await auth.login(tokens({ sub: 'ada', roles: ['admin'] }))
    const Role = () => (useClaims(at(hasRole)) ? 'admin' : 'guest')
    const { container } = render(
      <Boundary>
        <Role />
      </Boundary>,
      { wrapper: within(auth) },
    )
    expect(container.textContent).toBe('admin')
    await act(() => auth.login(tokens({ sub: 'bob', roles: undefined as never })))
    expect(container.textContent).toBe('failed')
  })

  it('does not render on a refresh that fails or begins', async () => {
    const auth = session({ refresh: () => Promise.reject(new Error('no network')) })
    await auth.login(tokens())
    const view = watch(auth, () => useClaims((claims: Person) => claims.name))
    await act(() => auth.refresh().catch(() => {}))
    expect(auth.getState()).toMatchObject({ error: { code: 'ERR_REFRESH_FAILED' } })
    expect(view.renders).toBe(1)
  })

  it('shows nothing of a session that has ended', async () => {
    const auth = session({ refresh: refused })
    await auth.login(tokens())
    const view = watch(auth, () => useClaims((claims: Person) => claims.name))
    await act(() => auth.refresh().catch(() => {}))
    expect(auth.getState().status).toBe('expired')
    expect(view.current).toBeUndefined()
  })
})

describe('React does as it likes', () => {
  it('StrictMode mounts twice: one listener stays, none after the end', async () => {
    const auth = session()
    const { result, unmount } = renderHook(
      () => [useAuth<Person>().status, useClaims((c: Person) => c.name)],
      {
        wrapper: within(auth, Strict),
      },
    )
    expect(auth.listeners).toBe(2)
    await act(() => auth.login(tokens()))
    expect(result.current).toEqual(['authenticated', 'Ada'])
    unmount()
    expect(auth.listeners).toBe(0)
  })

  it('a session that changes between render and effect is not missed', async () => {
    const auth = session()
    const Login = () => {
      useState(() => void auth.login(tokens()))
      return null
    }
    const Status = () => useAuth().status
    const { container } = render(
      <AuthProvider auth={auth}>
        <Status />
        <Login />
      </AuthProvider>,
    )
    await act(async () => {})
    expect(container.textContent).toBe('authenticated')
  })

  it('a subtree that suspends shows the state of the moment when it comes back, and all agree', async () => {
    const auth = session()
    let finish: () => void = () => {}
    const Data = lazy(
      () =>
        new Promise<{ default: () => string }>(resolve => {
          finish = () => resolve({ default: () => `data ${useAuth().status}` })
        }),
    )
    const Status = () => useAuth().status
    const { container } = await act(async () =>
      render(
        <AuthProvider auth={auth}>
          <Status />{' '}
          <Suspense fallback="waiting">
            <Data />
          </Suspense>
        </AuthProvider>,
      ),
    )
    expect(container.textContent).toBe('anonymous waiting')
    await act(() => auth.login(tokens()))
    expect(container.textContent).toBe('authenticated waiting')
    await act(async () => finish())
    expect(container.textContent).toBe('authenticated data authenticated')
  })

  it('a transition that is interrupted by a logout never shows two states at once', async () => {
    const auth = session()
    await auth.login(tokens())
    let go: (page: number) => void = () => {}
    const Status = ({ page }: { page: number }) => {
      const { status } = useAuth()
      return <i>{`${status === 'anonymous' ? 'n' : 'y'}${page} `}</i>
    }
    const Page = () => {
      const [page, setPage] = useState(1)
      go = setPage
      return Array.from({ length: 20 }, (_, index) => <Status key={String(index)} page={page} />)
    }
    const { container } = render(
      <AuthProvider auth={auth}>
        <Page />
      </AuthProvider>,
    )
    const mixed: unknown[] = []
    const observer = new MutationObserver(() => {
      const text = container.textContent ?? ''
      if (new Set(text.match(/[a-z](?=\d)/g)).size > 1) mixed.push(text)
    })
    observer.observe(container, { subtree: true, childList: true, characterData: true })
    await act(async () => {
      startTransition(() => go(2))
      await auth.login(tokens({ sub: 'grace' }))
      await auth.logout()
    })
    await vi.waitFor(() => expect(container.textContent).toBe('n2 '.repeat(20)))
    expect(mixed).toEqual([])
    observer.disconnect()
  })
})

describe('types', () => {
  it('thread the claims of the application', () => {
    const Typed = () => {
      const { status, claims, expiresAt, reason, error } = useAuth<Person>()
      expectTypeOf(claims).toEqualTypeOf<Person | undefined>()
      expectTypeOf(expiresAt).toEqualTypeOf<number | undefined>()
      expectTypeOf(error).toEqualTypeOf<Error | undefined>()
      if (status === 'expired') expectTypeOf(reason).not.toEqualTypeOf<undefined>()
      const whole = useAuth<Person>()
      if (whole.status === 'authenticated') expectTypeOf(whole.refreshing).toEqualTypeOf<boolean>()
      expectTypeOf(whole).toExtend<AuthState<Person>>()
      expectTypeOf(useClaims<Person>()).toEqualTypeOf<Person | undefined>()
      expectTypeOf(useClaims()).toEqualTypeOf<JwtClaims | undefined>()
      expectTypeOf(useClaims(({ sub }) => sub)).toEqualTypeOf<string | undefined>()
      expectTypeOf(useClaims((one: Person) => one.roles)).toEqualTypeOf<string[] | undefined>()
      expectTypeOf(useClaims<Person, number>(one => one.roles.length)).toEqualTypeOf<number | undefined>()
      // @ts-expect-error no such claim
      useClaims<Person>(one => one.shoeSize.toFixed())
      return null
    }
    expect(Typed).toBeTypeOf('function')
  })
})
