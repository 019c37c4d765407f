/** urql over `authFetch`. */
import { Client, CombinedError, fetchExchange, gql } from '@urql/core'
import { isSessionExpired } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { describe, expect, it } from 'vitest'
import { API } from '../support/axios.js'
import { open, tellStories } from './stories.js'

const query = gql`
  query Order($path: String!) {
    order(path: $path) {
      paid
    }
  }
`

const library = {
  answer: { data: { order: { paid: true } } },
  data: { order: { paid: true } },
  open: (fetch: typeof globalThis.fetch) => {
    const client = new Client({
      url: `${API}/graphql`,
      exchanges: [fetchExchange],
      preferGetMethod: false,
      fetch,
    })
    return async (path: string) => {
      const { data, error } = await client.query(query, { path }).toPromise()
      if (error) throw error
      return data
    }
  },
  isExpired: (error: unknown) => error instanceof CombinedError && isSessionExpired(error.networkError),
}

describe('urql', () => {
  tellStories(library)

  it('gets its answer after one refresh if the refusal is a 200 with an error code', async () => {
    const staged = await open(library, {
      respond: ({ token }) =>
        Response.json(
          token === 'at-2'
            ? library.answer
            : { errors: [{ message: '', extensions: { code: 'UNAUTHENTICATED' } }] },
        ),
    })
    const api = authFetch(staged.auth, {
      allowedOrigins: [API],
      fetch: staged.network,
      shouldRefresh: async response =>
        (await response.json()).errors?.[0]?.extensions?.code === 'UNAUTHENTICATED',
    })
    expect(await library.open(api)('/orders/1')).toEqual(library.data)
    expect([staged.tokens(), staged.refreshes.length]).toEqual([['at-1', 'at-2'], 1])
  })
})
