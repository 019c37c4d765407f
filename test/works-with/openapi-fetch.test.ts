/** openapi-fetch over `authFetch`. It passes one `Request`. */
import createClient from 'openapi-fetch'
import { describe, expect, it } from 'vitest'
import { API } from '../support/axios.js'
import { open, tellStories } from './stories.js'

interface Paths {
  '/orders/{id}': {
    get: {
      parameters: { path: { id: string } }
      responses: { 200: { content: { 'application/json': { ok: boolean } } } }
    }
    put: {
      parameters: { path: { id: string } }
      requestBody: { content: { 'application/json': { paid: boolean } } }
      responses: { 200: { content: { 'application/json': { ok: boolean } } } }
    }
  }
}

describe('openapi-fetch', () => {
  tellStories({
    open: fetch => {
      const api = createClient<Paths>({ baseUrl: API, fetch })
      return async path => {
        const { data, error } = await api.GET('/orders/{id}', {
          params: { path: { id: path.split('/').pop() ?? '' } },
        })
        if (error) throw error
        return data
      }
    },
  })

  it('sends the body of a refused request again', async () => {
    const { api, revoke, sent } = await open({ open: () => () => Promise.resolve() })
    revoke()
    const client = createClient<Paths>({ baseUrl: API, fetch: api })
    const { data } = await client.PUT('/orders/{id}', {
      params: { path: { id: '7' } },
      body: { paid: true },
    })
    expect(data).toEqual({ ok: true })
    expect(sent.map(({ method, body, token }) => [method, body, token])).toEqual([
      ['PUT', '{"paid":true}', 'at-1'],
      ['PUT', '{"paid":true}', 'at-2'],
    ])
  })
})
