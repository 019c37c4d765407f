// @vitest-environment happy-dom
/** The devtools as a component of React and of Vue: when they are loaded, mounted and removed. */
import { cleanup, render } from '@testing-library/react'
import { mount } from '@vue/test-utils'
import { StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { AuthProvider, AuthDevtools as ReactDevtools } from 'tokenflight/react'
import { createAuthPlugin, AuthDevtools as VueDevtools } from 'tokenflight/vue'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSSRApp, h } from 'vue'
import { renderToString as renderVueToString } from 'vue/server-renderer'
import { deferred, settle } from '../support/axios.js'
import { session } from '../support/hooks.js'

afterEach(cleanup)

/** Devtools that tell when they are mounted and removed. */
function fakeDevtools() {
  const remove = vi.fn()
  const mountDevtools = vi.fn(() => remove)
  return { mountDevtools, remove, load: async () => ({ mountDevtools }) }
}
const hosts = () => document.querySelectorAll('tokenflight-devtools')

describe('AuthDevtools of React', () => {
  it('mounts the devtools for the auth above with its options, and removes them when it is unmounted', async () => {
    const auth = session()
    const { load, mountDevtools, remove } = fakeDevtools()
    const view = render(
      <AuthProvider auth={auth}>
        <ReactDevtools load={load} open position="top-left" />
      </AuthProvider>,
    )
    await settle()
    expect(mountDevtools.mock.calls).toEqual([[auth, { open: true, position: 'top-left' }]])
    view.rerender(
      <AuthProvider auth={auth}>
        <ReactDevtools load={() => load()} open={false} />
      </AuthProvider>,
    )
    await settle()
    expect(mountDevtools).toHaveBeenCalledTimes(1)
    view.unmount()
    expect(remove).toHaveBeenCalledTimes(1)
  })

  it('mounts them once in StrictMode', async () => {
    const { load, mountDevtools, remove } = fakeDevtools()
    render(
      <StrictMode>
        <AuthProvider auth={session()}>
          <ReactDevtools load={load} />
        </AuthProvider>
      </StrictMode>,
    )
    await settle()
    expect(mountDevtools).toHaveBeenCalledTimes(1)
    expect(remove).not.toHaveBeenCalled()
  })

  it('mounts nothing when it is unmounted before the devtools are loaded', async () => {
    const { mountDevtools } = fakeDevtools()
    const loading = deferred<{ mountDevtools: typeof mountDevtools }>()
    const view = render(
      <AuthProvider auth={session()}>
        <ReactDevtools load={() => loading.promise} />
      </AuthProvider>,
    )
    view.unmount()
    loading.resolve({ mountDevtools })
    await settle()
    expect(mountDevtools).not.toHaveBeenCalled()
  })

  it('mounts the devtools of another auth when the provider is given one', async () => {
    const { load, mountDevtools, remove } = fakeDevtools()
    const [first, second] = [session(), session()]
    const view = render(
      <AuthProvider auth={first}>
        <ReactDevtools load={load} />
      </AuthProvider>,
    )
    await settle()
    view.rerender(
      <AuthProvider auth={second}>
        <ReactDevtools load={load} />
      </AuthProvider>,
    )
    await settle()
    expect(mountDevtools.mock.calls.map(([auth]: unknown[]) => auth)).toEqual([first, second])
    expect(remove).toHaveBeenCalledTimes(1)
  })

  it('loads the real devtools outside production', async () => {
    const view = render(
      <AuthProvider auth={session()}>
        <ReactDevtools />
      </AuthProvider>,
    )
    await vi.waitFor(() => expect(hosts()).toHaveLength(1))
    view.unmount()
    expect(hosts()).toHaveLength(0)
  })

  it.each([
    ['in production', { NODE_ENV: 'production' }],
    ['where no bundler has named the environment', undefined],
  ])('loads nothing %s', async (_, env) => {
    vi.stubGlobal('process', { ...process, env })
    render(
      <AuthProvider auth={session()}>
        <ReactDevtools />
      </AuthProvider>,
    )
    await settle()
    expect(hosts()).toHaveLength(0)
  })

  it('renders nothing on a server', () => {
    expect(
      renderToString(
        <AuthProvider auth={session()}>
          <ReactDevtools />
        </AuthProvider>,
      ),
    ).toBe('')
  })
})

describe('AuthDevtools of Vue', () => {
  it('mounts the devtools for the auth of the plugin with its options, and removes them when it is unmounted', async () => {
    const auth = session()
    const { load, mountDevtools, remove } = fakeDevtools()
    const view = mount(VueDevtools, {
      props: { load, open: true, position: 'bottom-left' },
      global: { plugins: [createAuthPlugin(auth)] },
    })
    await settle()
    expect(mountDevtools.mock.calls).toEqual([
      [auth, { open: true, position: 'bottom-left', container: undefined }],
    ])
    view.unmount()
    expect(remove).toHaveBeenCalledTimes(1)
  })

  it('mounts nothing when it is unmounted before the devtools are loaded', async () => {
    const { mountDevtools } = fakeDevtools()
    const loading = deferred<{ mountDevtools: typeof mountDevtools }>()
    const view = mount(VueDevtools, {
      props: { load: () => loading.promise },
      global: { plugins: [createAuthPlugin(session())] },
    })
    view.unmount()
    loading.resolve({ mountDevtools })
    await settle()
    expect(mountDevtools).not.toHaveBeenCalled()
  })

  it('takes an element as container without a warning', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { load, mountDevtools } = fakeDevtools()
    const container = document.createElement('div')
    mount(VueDevtools, { props: { load, container }, global: { plugins: [createAuthPlugin(session())] } })
    await settle()
    expect(mountDevtools.mock.calls[0]).toMatchObject([{}, { container }])
    expect(warn).not.toHaveBeenCalled()
  })

  it('loads the real devtools outside production, and nothing in production', async () => {
    const global = { plugins: [createAuthPlugin(session())] }
    const view = mount(VueDevtools, { global })
    await vi.waitFor(() => expect(hosts()).toHaveLength(1))
    view.unmount()
    expect(hosts()).toHaveLength(0)
    vi.stubEnv('NODE_ENV', 'production')
    mount(VueDevtools, { global })
    await settle()
    expect(hosts()).toHaveLength(0)
  })

  it('renders a placeholder on a server', async () => {
    const app = createSSRApp(() => h(VueDevtools))
    app.use(createAuthPlugin(session()))
    expect(await renderVueToString(app)).toBe('<!---->')
  })
})
