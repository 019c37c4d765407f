// @vitest-environment happy-dom
/** StrictMode runs the cleanup of each effect once, right after the first render. */
import { act, cleanup, render, screen } from '@testing-library/react'
import { StrictMode, useEffect, useState } from 'react'
import { type Auth, createAuth } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { AuthProvider, useAuth } from 'tokenflight/react'
import { afterEach, expect, it } from 'vitest'
import { API } from '../support/axios.js'
import { session, tokens } from '../support/hooks.js'

afterEach(cleanup)

const Status = () => <p role="status">{useAuth().status}</p>
const shown = () => screen.getByRole('status').textContent

/** Sends requests. Returns their `Authorization` headers. */
async function send(auth: Auth, count: number): Promise<(string | null)[]> {
  const sent: (string | null)[] = []
  const api = authFetch(auth, {
    allowedOrigins: [API],
    fetch: async (input, init) => {
      sent.push(new Request(input, init).headers.get('Authorization'))
      return new Response()
    },
  })
  for (let number = 0; number < count; number++) await api(`${API}/orders`)
  return sent
}

it('an effect that disposes a session from outside the component leads to a warning at the first request', async () => {
  const auth = session()
  const warnings: string[] = []
  auth.on('warning', ({ message }) => warnings.push(message))
  const Page = () => {
    useEffect(() => () => auth.dispose(), [])
    return (
      <AuthProvider auth={auth}>
        <Status />
      </AuthProvider>
    )
  }
  render(<Page />, { wrapper: StrictMode })
  await act(() => auth.login(tokens()))
  expect(shown()).toBe('authenticated')
  expect(await send(auth, 2)).toEqual([null, null])
  expect(warnings).toEqual(['The session was disposed: its clients send no token any more'])
})

it('an effect that creates the session may dispose it', async () => {
  const created: Auth[] = []
  const Page = () => {
    const [auth, setAuth] = useState<Auth>()
    useEffect(() => {
      const mine = createAuth({ refresh: async () => tokens() })
      created.push(mine)
      setAuth(mine)
      return () => mine.dispose()
    }, [])
    return (
      auth && (
        <AuthProvider auth={auth}>
          <Status />
        </AuthProvider>
      )
    )
  }
  render(<Page />, { wrapper: StrictMode })
  expect(created).toHaveLength(2)
  const auth = created[1]!
  await act(() => auth.login(tokens()))
  expect(shown()).toBe('authenticated')
  expect(await send(auth, 1)).toEqual([`Bearer ${await auth.getAccessToken()}`])
})
