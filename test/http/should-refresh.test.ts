/** `shouldRefresh` may wait and may read the body; `collect` must answer at once. */
import { describe, expect, it } from 'vitest'
import { deferred, settle } from '../support/axios.js'
import { clients, thenable } from '../support/clients.js'

const json = { 'Content-Type': 'application/json' }

for (const [client, open] of Object.entries(clients)) {
  describe(`shouldRefresh of ${client}`, () => {
    it('leaves an answer alone when its promise resolves to false', async () => {
      const { post, tokens, refreshes, warnings } = await open({ shouldRefresh: async () => false })
      expect((await post('/orders')).status).toBe(200)
      expect([tokens(), refreshes.length, warnings]).toEqual([['at-1'], 0, []])
    })

    it('leaves a 401 alone when its promise resolves to a falsy value', async () => {
      const { post, revoke, tokens, refreshes } = await open({ shouldRefresh: async () => 0 as never })
      revoke()
      expect((await post('/orders')).status).toBe(401)
      expect([tokens(), refreshes.length]).toEqual([['at-1'], 0])
    })

    it('is awaited before a request is sent again', async () => {
      const gate = deferred<boolean>()
      const { post, revoke, tokens, refreshes } = await open({
        shouldRefresh: ({ status }) => status === 401 && gate.promise,
      })
      revoke()
      const answer = post('/orders')
      await settle()
      expect([tokens(), refreshes.length]).toEqual([['at-1'], 0])
      gate.resolve(true)
      expect((await answer).status).toBe(200)
      expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
    })

    it('may answer with a promise of another library', async () => {
      const { post, revoke, tokens } = await open({ shouldRefresh: ({ status }) => thenable(status === 401) })
      revoke()
      expect((await post('/orders')).status).toBe(200)
      expect(tokens()).toEqual(['at-1', 'at-2'])
    })

    it('gives way to the default, with a warning, when its promise rejects', async () => {
      const { post, revoke, tokens, warnings } = await open({
        shouldRefresh: async () => {
          throw new Error('bug')
        },
        respond: ({ path }) =>
          path === '/basic' ? { status: 401, headers: { 'WWW-Authenticate': 'Basic' } } : undefined,
      })
      expect((await post('/orders')).status).toBe(200)
      expect((await post('/basic')).status).toBe(401)
      expect([tokens(), warnings]).toEqual([
        ['at-1', 'at-1'],
        ['shouldRefresh threw', 'shouldRefresh threw'],
      ])
      revoke()
      expect((await post('/orders')).status).toBe(200)
      expect(tokens().slice(2)).toEqual(['at-1', 'at-2'])
    })

    it('is asked once about each answer of a server that renews by itself', async () => {
      const asked: number[] = []
      const { post, pass } = await open({
        renewal: 'server',
        auth: { refresh: undefined },
        collect: ({ header }) => (header('X-New') ? { access_token: 'at-2' } : undefined),
        shouldRefresh: async ({ status }) => asked.push(status) > 5,
        respond: ({ token }) => ({ status: 200, ...(token === 'at-1' && { headers: { 'X-New': '1' } }) }),
      })
      pass(600_000)
      const answers = await Promise.all([post('/1'), post('/2')])
      expect([answers.map(({ status }) => status), asked]).toEqual([
        [200, 200],
        [200, 200],
      ])
    })

    it('recognises an error code in the body of a 200, and the caller still reads other bodies', async () => {
      const expired = '{"errors":[{"extensions":{"code":"UNAUTHENTICATED"}}]}'
      const { post, tokens, refreshes } = await open({
        shouldRefresh: async view => JSON.stringify(await view.json()).includes('UNAUTHENTICATED'),
        respond: ({ token }) => ({
          body: token === 'at-1' ? expired : '{"data":{"me":"Ada"}}',
          headers: json,
        }),
      })
      const answer = await post('/graphql')
      expect([answer.status, await answer.text()]).toEqual([200, '{"data":{"me":"Ada"}}'])
      expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-2'], 1])
    })

    it('tells two kinds of 401 apart by the code in their bodies', async () => {
      const { post, tokens, refreshes } = await open({
        shouldRefresh: async view =>
          view.status === 401 && ((await view.json()) as { code: string }).code === 'TOKEN_EXPIRED',
        respond: ({ path, token }) =>
          token === 'at-1'
            ? { status: 401, body: `{"code":"${path.slice(1)}"}`, headers: json }
            : { body: '{}' },
      })
      const banned = await post('/USER_BANNED')
      expect([banned.status, await banned.text(), refreshes.length]).toEqual([
        401,
        '{"code":"USER_BANNED"}',
        0,
      ])
      expect((await post('/TOKEN_EXPIRED')).status).toBe(200)
      expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-1', 'at-2'], 1])
    })
  })

  describe(`collect of ${client}`, () => {
    it('is refused with a warning that names the mistake when it returns a promise', async () => {
      const { post, tokens, warnings, refreshes } = await open({
        collect: (async () => ({ access_token: 'at-stolen' })) as never,
      })
      expect((await post('/orders')).status).toBe(200)
      expect((await post('/orders')).status).toBe(200)
      expect([tokens(), refreshes.length]).toEqual([['at-1', 'at-1'], 0])
      expect(warnings[0]).toMatch(/collect.*promise/)
    })

    it('causes no unhandled rejection when its promise rejects', async () => {
      const { post, warnings } = await open({
        collect: (async () => {
          throw new Error('bug')
        }) as never,
      })
      expect((await post('/orders')).status).toBe(200)
      await settle()
      expect(warnings).toHaveLength(1)
    })

    it('is refused when it returns any object with a method named then', async () => {
      const { post, tokens, warnings } = await open({
        collect: () => thenable(undefined, { access_token: 'at-x' }) as never,
      })
      await post('/orders')
      await post('/orders')
      expect(tokens()).toEqual(['at-1', 'at-1'])
      expect(warnings[0]).toMatch(/collect.*promise/)
    })
  })
}
