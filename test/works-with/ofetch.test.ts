/** ofetch over `authFetch`. */
import { createFetch, FetchError } from 'ofetch'
import { isSessionExpired } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { API, rejection } from '../support/axios.js'
import { open, tellStories } from './stories.js'

const library = {
  open: (fetch: typeof globalThis.fetch) => {
    // ofetch takes every failure without an answer for a 500, and would ask again without a session.
    const api = createFetch({ fetch }).create({ baseURL: API, retry: false })
    return (path: string) => api(path)
  },
  isExpired: (error: unknown) => error instanceof FetchError && isSessionExpired(error.cause),
}

describe('ofetch', () => {
  tellStories(library)

  it('throws its own FetchError for a 401 that a refresh does not mend', async () => {
    const { call, tokens } = await open(library, { respond: () => new Response('', { status: 401 }) })
    const error = await rejection<FetchError>(call('/orders/1'))
    expect(error).toBeInstanceOf(FetchError)
    expect([error.status, tokens()]).toEqual([401, ['at-1', 'at-2']])
  })
})
