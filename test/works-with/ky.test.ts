/** ky over `authFetch`. */
import ky, { HTTPError } from 'ky'
import { isAuthError } from 'tokenflight'
import { describe, expect, it } from 'vitest'
import { API, rejection } from '../support/axios.js'
import { open, tellStories } from './stories.js'

const library = {
  open: (fetch: typeof globalThis.fetch) => {
    const api = ky.create({
      prefixUrl: API,
      fetch,
      // Another attempt does not bring a session back.
      retry: { shouldRetry: ({ error }) => (isAuthError(error) ? false : undefined), delay: () => 0 },
    })
    return (path: string) => api.get(path.slice(1)).json()
  },
}

describe('ky', () => {
  tellStories(library)

  it('tries a request again after a failure of the server, with the token of then', async () => {
    const statuses = [503]
    const staged = await open(library, {
      async respond({ token }) {
        const status = statuses.shift()
        if (status) await staged.auth.refresh()
        return status
          ? new Response('', { status })
          : Response.json({ ok: true }, { status: token === 'at-2' ? 200 : 401 })
      },
    })
    expect(await staged.call('/orders/1')).toEqual({ ok: true })
    expect([staged.tokens(), staged.refreshes.length]).toEqual([['at-1', 'at-2'], 1])
  })

  it('throws its own HTTPError for a 401 that a refresh does not mend', async () => {
    const { call, tokens } = await open(library, { respond: () => new Response('', { status: 401 }) })
    const error = await rejection<unknown>(call('/orders/1'))
    expect(error).toBeInstanceOf(HTTPError)
    expect(tokens()).toEqual(['at-1', 'at-2'])
  })
})
