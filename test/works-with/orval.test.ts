/** The code that orval generates, with the recipe as its mutator. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AxiosRequestConfig } from 'axios'
import { generate } from 'orval'
import { isSessionExpired } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type StageOptions, stage } from '../support/axios.js'

interface Generated {
  getOrder(id: string, options?: AxiosRequestConfig): Promise<unknown>
  payOrder(id: string, body: { paid: boolean }): Promise<unknown>
}

const order = { type: 'object', properties: { ok: { type: 'boolean' } } }
const responses = { 200: { description: '', content: { 'application/json': { schema: order } } } }
const body = { type: 'object', properties: { paid: { type: 'boolean' } } }
const description = {
  openapi: '3.0.3',
  info: { title: 'Orders', version: '1' },
  paths: {
    '/orders/{id}': {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      get: { operationId: 'getOrder', responses },
      put: {
        operationId: 'payOrder',
        requestBody: { required: true, content: { 'application/json': { schema: body } } },
        responses,
      },
    },
  },
}

const mutator = fileURLToPath(new URL('../recipes/orval-mutator.ts', import.meta.url))
// Within the project, so that the imports of the recipe are found.
const folder = mkdtempSync(fileURLToPath(new URL('../../node_modules/.orval-', import.meta.url)))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let client: Generated
let recipe: typeof import('../recipes/orval-mutator.js')

beforeAll(async () => {
  const target = join(folder, 'client.ts')
  await generate({
    input: { target: description as never },
    output: { target, client: 'axios-functions', override: { mutator: { path: mutator, name: 'send' } } },
  })
  client = await import(/* @vite-ignore */ target)
  recipe = await import('../recipes/orval-mutator.js')
})

describe('the code that orval generates', () => {
  const open = async (options: StageOptions = {}) => {
    const staged = await stage({ ...options, attach: false })
    recipe.api.defaults.adapter = config => staged.adapter(config)
    onTestFinished(attachAuth(recipe.api, staged.auth))
    return staged
  }

  it('gets its answer after one refresh if its token is refused', async () => {
    const { revoke, tokens, refreshes } = await open()
    revoke()
    expect(await client.getOrder('7')).toEqual({ ok: true })
    expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
  })

  it('sends its body again, and shares one refresh with the calls beside it', async () => {
    const { revoke, sent, refreshes } = await open()
    revoke()
    await Promise.all([client.getOrder('7'), client.getOrder('8'), client.payOrder('9', { paid: true })])
    const puts = sent.filter(({ method }) => method === 'put')
    expect(puts.map(({ token, data }) => [token, data])).toEqual([
      ['at-1', '{"paid":true}'],
      ['at-2', '{"paid":true}'],
    ])
    expect([sent.length, refreshes.length]).toEqual([6, 1])
  })

  it('rejects with the SessionExpiredError at the end of the session', async () => {
    const { revoke, refreshes } = await open({ refresh: () => Promise.reject({ status: 401 }) })
    revoke()
    const outcomes = await Promise.allSettled([client.getOrder('7'), client.getOrder('8')])
    const errors = outcomes.map(outcome => outcome.status === 'rejected' && outcome.reason)
    expect([errors.map(isSessionExpired), refreshes.length]).toEqual([[true, true], 1])
  })
})
