// @vitest-environment happy-dom
/** SWR over `authFetch`. */
import { cleanup, renderHook, waitFor } from '@testing-library/react'
import { createElement, type ReactNode } from 'react'
import useSWR, { SWRConfig } from 'swr'
import { isAuthError } from 'tokenflight'
import type { AuthFetch } from 'tokenflight/fetch'
import { afterEach, describe, expect, it } from 'vitest'
import { API } from '../support/axios.js'
import { open, tellStories } from './stories.js'

afterEach(cleanup)

function show(api: AuthFetch, path: string) {
  const settings = {
    provider: () => new Map(),
    fetcher: async (key: string) => (await api(API + key)).json(),
    shouldRetryOnError: (error: unknown) => !isAuthError(error),
  }
  // SWR renders again only for members that a component reads.
  const read = () => {
    const { data, error, isLoading, isValidating, mutate } = useSWR<unknown, unknown>(path)
    return { data, error, isLoading, isValidating, mutate }
  }
  return renderHook(read, {
    wrapper: ({ children }: { children: ReactNode }) =>
      createElement(SWRConfig, { value: settings }, children),
  })
}

const library = {
  open: (api: AuthFetch) => async (path: string) => {
    const { result } = show(api, path)
    await waitFor(() => expect(result.current.isLoading).toBe(false))
    if (result.current.error) throw result.current.error
    return result.current.data
  },
}

describe('SWR', () => {
  tellStories(library)

  it('keeps its data on the page while a revalidation waits for a refresh', async () => {
    const { api, revoke, refreshes } = await open(library, { manual: true })
    const { result } = show(api, '/orders/1')
    await waitFor(() => expect(result.current.data).toEqual({ ok: true }))
    revoke()
    const revalidation = result.current.mutate()
    await waitFor(() => expect(refreshes).toHaveLength(1))
    expect(result.current).toMatchObject({ data: { ok: true }, error: undefined, isValidating: true })
    refreshes[0]?.answer()
    expect(await revalidation).toEqual({ ok: true })
    await waitFor(() => expect(result.current.isValidating).toBe(false))
    expect(result.current.error).toBe(undefined)
  })
})
