/** `examples/nuxt` as its users have it, built and started, in Chromium. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe } from 'vitest'
import { type Backend, startBackend } from './backend.js'
import { install, run, type Site, start } from './project.js'
import { describeSession } from './scenarios.js'
import { launch } from './visitor.js'

let backend: Backend
let site: Site
let browser: Browser

beforeAll(async () => {
  backend = await startBackend()
  const project = install('nuxt')
  const env = { NUXT_SERVER: backend.url }
  run(['npm', 'run', 'typecheck'], project, env)
  run(['npm', 'run', 'build'], project, env)
  site = await start(() => ['npm', 'run', 'start'], project, env)
  browser = await launch()
})
afterAll(async () => {
  await browser?.close()
  await site?.close()
  await backend?.close()
})

describe('examples/nuxt', () => {
  describeSession(() => ({ browser, backend, url: site.url }))
})
