/** Rendering on a server: no DOM, many sessions in one process. */
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { renderToPipeableStream, renderToString } from 'react-dom/server'
import { createAuth } from 'tokenflight'
import { AuthProvider, useAuth, useClaims } from 'tokenflight/react'
import { expect, it } from 'vitest'
import { type Counted, type Person, session, tokens } from '../support/hooks.js'

const Page = () => {
  const { status } = useAuth()
  const name = useClaims((claims: Person) => claims.name)
  return <p>{`${status} ${name ?? 'guest'}`}</p>
}
const page = (auth: Counted) => (
  <AuthProvider auth={auth}>
    <Page />
  </AuthProvider>
)

it('shows the session of its own request, however many are served at once', async () => {
  const names = ['Ada', 'Grace', 'Edsger']
  const pages = await Promise.all(
    names.map(async name => {
      const auth = session()
      await auth.login(tokens({ name }))
      return text(renderToPipeableStream(page(auth)).pipe(new PassThrough()))
    }),
  )
  expect(pages).toEqual(names.map(name => `<p>authenticated ${name}</p>`))
})

it('shows `loading` where no user is logged in, because the browser may know better', async () => {
  const anonymous = session()
  await anonymous.ready
  expect(renderToString(page(anonymous))).toBe('<p>loading guest</p>')
})

it('shows the state that it is given, also the anonymous one', () => {
  const html = renderToString(
    <AuthProvider auth={session()} serverState={{ status: 'anonymous' }}>
      <Page />
    </AuthProvider>,
  )
  expect(html).toBe('<p>anonymous guest</p>')
})

it('adds no listener, because nothing would ever remove it', async () => {
  const auth = session()
  await auth.login(tokens())
  renderToString(page(auth))
  expect(auth.listeners).toBe(0)
})

it('puts no token on the page', async () => {
  const auth = createAuth<Person>({ refresh: async () => tokens() })
  await auth.login(tokens())
  const Everything = () => <pre>{JSON.stringify(useAuth())}</pre>
  const html = renderToString(
    <AuthProvider auth={auth}>
      <Everything />
    </AuthProvider>,
  )
  expect(html).toContain('Ada')
  expect(html).not.toContain(await auth.getAccessToken())
  auth.dispose()
})
