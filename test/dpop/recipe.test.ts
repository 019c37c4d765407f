/** The session of the guide, against a server that the test plays. */
import { expect, it, vi } from 'vitest'
import { api, auth, logIn } from '../recipes/dpop.js'

it('logs in with a proof, sends requests with one, and revokes both tokens at the end', async () => {
  const sent: Headers[] = []
  const revoked: (string | null)[] = []
  vi.stubGlobal('fetch', async (input: unknown, init: RequestInit) => {
    if (String(input).endsWith('/revoke')) {
      revoked.push(new URLSearchParams(String(init.body)).get('token'))
      return new Response()
    }
    sent.push(new Headers(init.headers))
    return Response.json({ access_token: 'at-1', refresh_token: 'rt-1', token_type: 'DPoP', expires_in: 300 })
  })
  await logIn('code', 'verifier')
  await api('https://api.example.com/me')
  await auth.logout()
  auth.dispose()
  expect(sent.map(headers => headers.get('Authorization'))).toEqual([null, 'DPoP at-1'])
  const claims = sent.map(headers =>
    JSON.parse(Buffer.from(headers.get('DPoP')?.split('.')[1] ?? '', 'base64url').toString()),
  )
  expect(claims).toMatchObject([
    { htm: 'POST', htu: 'https://id.example.com/token' },
    { htm: 'GET', htu: 'https://api.example.com/me', ath: expect.any(String) },
  ])
  expect(revoked.sort()).toEqual(['at-1', 'rt-1'])
})
