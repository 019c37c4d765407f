/** The second panel: React, on an axios of its own. */
import { memo, useRef, useSyncExternalStore } from 'react'
import { createRoot } from 'react-dom/client'
import { AuthProvider, useAuth, useClaims } from 'tokenflight/react'
import type { Application } from './application.js'
import { type Client, formatResult } from './calls.js'
import type { DemoClaims } from './session.js'

export function mountReactPanel(host: HTMLElement, { session, clients }: Application): () => void {
  const root = createRoot(host)
  root.render(
    <AuthProvider auth={session.auth}>
      <Panel client={clients.react} />
    </AuthProvider>,
  )
  return () => root.unmount()
}

function Panel({ client }: { client: Client }) {
  const auth = useAuth()
  const last = useSyncExternalStore(client.subscribe, () => client.last)
  return (
    <>
      <header>
        <h3>React</h3>
        <code>useAuth(), attachAuth()</code>
      </header>
      <dl>
        <dt>State</dt>
        <dd data-field="status">{auth.status}</dd>
        <dt>Refreshing</dt>
        <dd data-field="refreshing">{auth.refreshing ? 'yes' : 'no'}</dd>
        <dt>Last request</dt>
        <dd data-field="last">{formatResult(last)}</dd>
        <User />
      </dl>
      <button type="button" onClick={() => void client.send()}>
        Send with React
      </button>
    </>
  )
}

/** Renders again only when the name changes, not when other claims do. */
const User = memo(() => {
  const name = useClaims((claims: DemoClaims) => claims.name)
  const renders = useRef(0)
  renders.current += 1
  return (
    <>
      <dt>User</dt>
      <dd data-field="user">{name ?? 'no user'}</dd>
      <dt>Renders of the user</dt>
      <dd data-field="renders">{renders.current}</dd>
    </>
  )
})
