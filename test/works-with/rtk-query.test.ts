/** RTK Query: `fetchBaseQuery` over `authFetch`. */
import { configureStore } from '@reduxjs/toolkit'
import { createApi, type FetchBaseQueryError, fetchBaseQuery } from '@reduxjs/toolkit/query'
import type { AuthFetch } from 'tokenflight/fetch'
import { describe, expect, it } from 'vitest'
import { API } from '../support/axios.js'
import { open, tellStories } from './stories.js'

function createStore(fetchFn: AuthFetch) {
  const api = createApi({
    baseQuery: fetchBaseQuery({ baseUrl: API, fetchFn }),
    tagTypes: ['Order'],
    endpoints: build => ({
      order: build.query<unknown, string>({ query: path => path, providesTags: ['Order'] }),
      pay: build.mutation<unknown, string>({
        query: url => ({ url, method: 'PUT', body: { paid: true } }),
        invalidatesTags: ['Order'],
      }),
    }),
  })
  const store = configureStore({
    reducer: { [api.reducerPath]: api.reducer },
    middleware: standard => standard().concat(api.middleware),
  })
  return { api, store }
}

const library = {
  open: (fetchFn: AuthFetch) => {
    const { api, store } = createStore(fetchFn)
    return (path: string) => store.dispatch(api.endpoints.order.initiate(path)).unwrap()
  },
  // Its errors are plain data, so that the store can hold them: the class is the first word of the text.
  isExpired: (error: unknown) => {
    const { status, error: text } = error as FetchBaseQueryError & { error: string }
    return status === 'FETCH_ERROR' && text.startsWith('SessionExpiredError')
  },
}

describe('RTK Query', () => {
  tellStories(library)

  it('loads the changed data again after a mutation, both with a new token', async () => {
    const { api: fetchFn, revoke, sent, refreshes } = await open(library)
    const { api, store } = createStore(fetchFn)
    await store.dispatch(api.endpoints.order.initiate('/orders/1')).unwrap()
    revoke()
    await store.dispatch(api.endpoints.pay.initiate('/orders/1')).unwrap()
    await Promise.all(store.dispatch(api.util.getRunningQueriesThunk()))
    expect(sent.map(({ method, token, status }) => [method, token, status])).toEqual([
      ['GET', 'at-1', 200],
      ['PUT', 'at-1', 401],
      ['PUT', 'at-2', 200],
      ['GET', 'at-2', 200],
    ])
    expect(refreshes).toHaveLength(1)
  })
})
