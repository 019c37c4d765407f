// @vitest-environment happy-dom
/** The devtools as the guide mounts them: there in development, absent in production. */
import { cleanup, render } from '@testing-library/react'
import { mount } from '@vue/test-utils'
import { createAuthPlugin } from 'tokenflight/vue'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { settle } from '../../test/support/axios.js'
import { AppRoot } from './AppRoot.js'
import VueRoot from './AppRoot.vue'
import { auth } from './session.js'

const hosts = () => document.querySelectorAll('tokenflight-devtools')

afterEach(() => {
  cleanup()
  document.body.replaceChildren()
})

const ways: Record<string, () => unknown> = {
  'any page': () => {
    vi.resetModules()
    return import('./page.js')
  },
  React: () => render(<AppRoot />),
  Vue: () => mount(VueRoot, { global: { plugins: [createAuthPlugin(auth)] }, attachTo: document.body }),
}

describe.each(Object.entries(ways))('the devtools in %s', (_, start) => {
  it('show the session while it is developed', async () => {
    await start()
    await vi.waitFor(() => expect(hosts()).toHaveLength(1))
    expect(hosts()[0]?.shadowRoot?.querySelector('button')?.ariaLabel).toBe(
      'tokenflight devtools: Logged out',
    )
  })

  it('are absent in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    await start()
    await settle()
    expect(hosts()).toHaveLength(0)
  })
})
