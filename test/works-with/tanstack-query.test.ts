/** TanStack Query over `authFetch`. The recipe with components has tests of its own. */
import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { isAuthError } from 'tokenflight'
import { describe, expect, it, onTestFinished } from 'vitest'
import { API } from '../support/axios.js'
import { open, tellStories } from './stories.js'

const library = {
  open: (api: typeof fetch) => {
    const client = new QueryClient({
      defaultOptions: { queries: { retry: (failures, error) => !isAuthError(error) && failures < 3 } },
    })
    onTestFinished(() => client.clear())
    return (path: string) =>
      client.fetchQuery({
        queryKey: [path],
        queryFn: async ({ signal }) => (await api(API + path, { signal })).json(),
      })
  },
}

describe('TanStack Query', () => {
  tellStories(library)

  it('counts neither an error nor a retry for a refresh', async () => {
    const { api, revoke, refreshes } = await open(library)
    const client = new QueryClient()
    onTestFinished(() => client.clear())
    const observer = new QueryObserver(client, {
      queryKey: ['orders'],
      queryFn: async () => (await api(`${API}/orders`)).json(),
    })
    const failures: number[] = []
    onTestFinished(observer.subscribe(({ failureCount }) => void failures.push(failureCount)))
    revoke()
    const { data, status } = await observer.refetch()
    expect([status, data, refreshes.length]).toEqual(['success', { ok: true }, 1])
    expect(new Set(failures)).toEqual(new Set([0]))
  })
})
