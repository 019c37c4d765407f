/** The session of the guide, against a server that the test plays. */
import { authFetch } from 'tokenflight/fetch'
import { expect, it, vi } from 'vitest'
import { auth, logIn } from '../recipes/dpop.js'

it('logs in with a proof, and sends requests with one', async () => {
  const sent: Headers[] = []
  vi.stubGlobal('fetch', async (_: unknown, init: RequestInit) => {
    sent.push(new Headers(init.headers))
    return Response.json({ access_token: 'at-1', refresh_token: 'rt-1', token_type: 'DPoP', expires_in: 300 })
  })
  await logIn('code', 'verifier')
  const api = authFetch(auth, { allowedOrigins: ['https://api.example.com'] })
  await api('https://api.example.com/me')
  auth.dispose()
  expect(sent.map(headers => headers.get('Authorization'))).toEqual([null, 'DPoP at-1'])
  const claims = sent.map(headers =>
    JSON.parse(Buffer.from(headers.get('DPoP')?.split('.')[1] ?? '', 'base64url').toString()),
  )
  expect(claims).toMatchObject([
    { htm: 'POST', htu: 'https://id.example.com/token' },
    { htm: 'GET', htu: 'https://api.example.com/me', ath: expect.any(String) },
  ])
})
