/** Apollo Client over `authFetch`. */
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { API } from '../support/axios.js'
import { open, tellStories } from './stories.js'

const query = gql`
  query Order($path: String!) {
    order(path: $path) {
      paid
    }
  }
`

function createClient(fetch: typeof globalThis.fetch): ApolloClient {
  const client = new ApolloClient({
    link: new HttpLink({ uri: `${API}/graphql`, fetch }),
    cache: new InMemoryCache(),
    devtools: { enabled: false },
  })
  onTestFinished(() => client.stop())
  return client
}

const library = {
  answer: { data: { order: { __typename: 'Order', paid: true } } },
  data: { order: { __typename: 'Order', paid: true } },
  open: (fetch: typeof globalThis.fetch) => {
    const client = createClient(fetch)
    return async (path: string) => (await client.query({ query, variables: { path } })).data
  },
}

describe('Apollo Client', () => {
  tellStories(library)

  it('shows no error to a query that is watched while a refresh mends it', async () => {
    const { api, revoke, refreshes } = await open(library)
    const client = createClient(api)
    revoke()
    const watched = client.watchQuery({ query, variables: { path: '/orders/1' } })
    const errors: unknown[] = []
    const data = await new Promise(resolve => {
      const subscription = watched.subscribe(({ data, error }) => {
        if (error) errors.push(error)
        if (data) resolve(data)
      })
      onTestFinished(() => subscription.unsubscribe())
    })
    expect([data, errors, refreshes.length]).toEqual([library.data, [], 1])
  })
})
