/** Servers that change their nonces at any moment: each request succeeds, with at most one more attempt. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientNames, dpopSession, dpopWorld, happened } from '../support/dpop.js'
import '../support/hostile.js'
import { runs } from '../support/slow.js'

const MINUTE = 60_000

interface Step {
  readonly server: 'resource' | 'other'
  readonly method: string
  /** The server takes another nonce before the request, and tells it with none of its answers but the refusal. */
  readonly rotates: boolean
  /** The nonce that comes with the answer. */
  readonly brings: boolean
  /** The access token expires first. */
  readonly expires: boolean
  /** The auth server takes another nonce, too. */
  readonly issuerRotates: boolean
}

const story: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    server: fc.constantFrom('resource' as const, 'other' as const),
    method: fc.constantFrom('GET', 'POST', 'DELETE'),
    rotates: fc.boolean(),
    brings: fc.boolean(),
    expires: fc.boolean(),
    issuerRotates: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
)

describe.each(clientNames)('with %s, a server that changes its nonce at any moment', client => {
  it('gets a proof with its own nonce by the second attempt, and the application sees one success', async () => {
    let again = 0
    await fc.assert(
      fc.asyncProperty(story, async steps => {
        const world = await dpopWorld({ nonces: true })
        const { send, time, ...session } = await dpopSession(world, client)
        let count = 0
        for (const { server: name, method, rotates, brings, expires, issuerRotates } of steps) {
          const server = world[name]
          if (rotates) server.nonce = `${name}-${++count}`
          if (brings) server.next.push(undefined, `${name}-${++count}`)
          if (issuerRotates) world.issuer.nonce = `issuer-${++count}`
          if (expires) time.now += 6 * MINUTE
          const before = server.statuses.length
          expect(await send(method, `${server.url}/tea`, method === 'POST' ? 'tea' : undefined)).toBe(200)
          const statuses = server.statuses.slice(before)
          expect([[200], [401, 200]]).toContainEqual(statuses)
          again += statuses.length - 1
        }
        const { issuer, resource, other } = world
        // No server meets the nonce of another one.
        for (const { proofs } of [issuer, resource, other])
          for (const { nonce } of proofs) {
            const owner = nonce?.replace('nonce-of-', '').split('-')[0] ?? ''
            expect(['', nameOf(world, proofs)]).toContain(owner)
          }
        const all = [issuer, resource, other].flatMap(({ proofs }) => proofs)
        expect(new Set(all.map(({ jti }) => jti)).size).toBe(all.length)
        expect(new Set(all.map(({ jkt }) => jkt)).size).toBe(1)
        // A refused refresh without the right nonce spends no refresh token, and is no failure.
        const refreshes = steps.filter(({ expires }) => expires).length
        expect(happened(session)).toEqual(['login', ...Array(refreshes).fill('refreshed')])
        expect(issuer.statuses.filter(status => status === 200)).toHaveLength(1 + refreshes)
      }),
      { numRuns: runs(60) },
    )
    expect(again).toBeGreaterThan(runs(30))
  })
})

function nameOf(world: Awaited<ReturnType<typeof dpopWorld>>, proofs: unknown): string {
  return (['issuer', 'resource', 'other'] as const).find(name => world[name].proofs === proofs) ?? ''
}
