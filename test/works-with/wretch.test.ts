/** wretch over `authFetch`. */
import { describe, expect, it } from 'vitest'
import wretch from 'wretch'
import { API } from '../support/axios.js'
import { open, tellStories } from './stories.js'

const library = {
  open: (fetch: typeof globalThis.fetch) => {
    const api = wretch(API).polyfills({ fetch })
    return (path: string) => api.get(path).json()
  },
}

describe('wretch', () => {
  tellStories(library)

  it('calls its handler of a 401 only if a refresh does not mend it', async () => {
    const { api, revoke, tokens } = await open(library)
    const heard: string[] = []
    const client = wretch(API).polyfills({ fetch: api })
    revoke()
    await client
      .get('/orders/1')
      .unauthorized(() => void heard.push('mended'))
      .res()
    const { api: other } = await open(library, { respond: () => new Response('', { status: 401 }) })
    await wretch(API)
      .polyfills({ fetch: other })
      .get('/orders/1')
      .unauthorized(({ status }) => void heard.push(`not mended: ${status}`))
      .res()
    expect([heard, tokens()]).toEqual([['not mended: 401'], ['at-1', 'at-2']])
  })
})
