/** `examples/next` as its users have it, built and started, in Chromium. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Backend, startBackend } from './backend.js'
import { install, run, type Site, start } from './project.js'
import { describeSession } from './scenarios.js'
import { launch } from './visitor.js'

let backend: Backend
let site: Site
let browser: Browser
let built: string

beforeAll(async () => {
  backend = await startBackend()
  const project = install('next')
  const env = { API_URL: backend.url }
  built = run(['npm', 'run', 'build'], project, env)
  site = await start(port => ['npm', 'run', 'start', '--', '-H', '127.0.0.1', '-p', port], project, env)
  browser = await launch()
})
afterAll(async () => {
  await browser?.close()
  await site?.close()
  await backend?.close()
})

describe('examples/next', () => {
  it('builds, and prerenders the page that needs no user', () => {
    expect(built).toMatch(/○ \/login/)
    expect(built).toMatch(/ƒ \/account/)
  })

  describeSession(() => ({ browser, backend, url: site.url }))
})
