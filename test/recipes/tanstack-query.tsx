/** TanStack Query with an axios instance: a refresh is no error and no retry; the end of a session is one error. */
import { QueryClient, useQuery } from '@tanstack/react-query'
import type { AxiosInstance } from 'axios'
import { isAuthError } from 'tokenflight'

export const createQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        // Another attempt does not help after an error of tokenflight.
        retry: (failures, error) => !isAuthError(error) && failures < 3,
      },
    },
  })

export function Orders({ api }: { api: AxiosInstance }) {
  const { data, error, failureCount, isPending } = useQuery<string[]>({
    queryKey: ['orders'],
    queryFn: async ({ signal }) => (await api.get('/orders', { signal })).data,
  })
  if (isPending) return <p>Loading, {failureCount} failures</p>
  return <p>{error ? error.message : `${data?.join()}, ${failureCount} failures`}</p>
}
