/** Tokens that are bound to a key, by both clients: proofs, nonces and replays, as servers that verify them see it. */
import { Readable } from 'node:stream'
import FormData from 'form-data'
import { describe, expect, it } from 'vitest'
import { type ClientName, clientNames, dpopSession, dpopWorld, happened } from '../support/dpop.js'

const MINUTE = 60_000

describe.each(clientNames)('with %s', client => {
  const open = async (options: Parameters<typeof dpopWorld>[0] = {}, name: ClientName = client) => {
    const world = await dpopWorld(options)
    return { ...world, ...(await dpopSession(world, name)) }
  }

  it('a request carries the token in the scheme DPoP, and a proof for its method, URL and token', async () => {
    const { resource, issuer, send } = await open()
    expect(await send('get', `${resource.url}/me?page=2`)).toBe(200)
    expect(await send('POST', `${resource.url}/orders`, 'tea')).toBe(200)
    expect(await send('PATCH', `${resource.url}/orders`, 'milk')).toBe(200)
    expect(resource.arrived.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill('DPoP at-1'))
    expect(resource.proofs).toMatchObject([
      { htm: 'GET', htu: `${resource.url}/me` },
      { htm: 'POST', htu: `${resource.url}/orders` },
      { htm: 'PATCH', htu: `${resource.url}/orders` },
    ])
    const [first, second] = resource.proofs
    expect(first?.jti).not.toBe(second?.jti)
    expect(first?.jkt).toBe(issuer.proofs[0]?.jkt)
  })

  it('no proof goes to an origin that may not see the token', async () => {
    const { resource, send, auth } = await open()
    await send('GET', resource.url.replace('127.0.0.1', 'localhost')).catch(() => {})
    expect(resource.arrived.map(({ headers }) => [headers['dpop'], headers.authorization])).toEqual([
      [undefined, undefined],
    ])
    expect(auth.getState().status).toBe('authenticated')
  })

  it('a refresh carries a proof by the same key, and the replay a fresh one', async () => {
    const { resource, issuer, bound, send, ...session } = await open()
    await send('GET', `${resource.url}/me`)
    bound.delete('at-1')
    expect(await send('POST', `${resource.url}/orders`, 'tea')).toBe(200)
    expect(resource.statuses).toEqual([200, 401, 200])
    expect(resource.arrived.map(({ headers }) => headers.authorization)).toEqual([
      'DPoP at-1',
      'DPoP at-1',
      'DPoP at-2',
    ])
    expect(resource.arrived.at(-1)?.body.toString()).toBe('tea')
    expect(new Set(resource.proofs.map(({ jti }) => jti)).size).toBe(3)
    expect(issuer.proofs).toMatchObject([{ htm: 'POST' }, { htm: 'POST', htu: `${issuer.url}/token` }])
    expect(new Set([...issuer.proofs, ...resource.proofs].map(({ jkt }) => jkt)).size).toBe(1)
    expect(happened(session)).toEqual(['login', 'refreshed'])
  })

  it('nonces of the auth server and of each resource server are learned, each by one retry that no one sees', async () => {
    const { resource, other, issuer, send, time, steps, ...session } = await open({ nonces: true })
    expect(issuer.statuses).toEqual([400, 200])
    for (let round = 0; round < 2; round++) {
      expect(await send('GET', `${resource.url}/me`)).toBe(200)
      expect(await send('PUT', `${other.url}/tea`, '{"a":1}')).toBe(200)
    }
    expect(resource.statuses).toEqual([401, 200, 200])
    expect(other.statuses).toEqual([401, 200, 200])
    expect(other.arrived.map(({ body }) => body.toString())).toEqual(Array(3).fill('{"a":1}'))
    time.now += 6 * MINUTE
    expect(await send('GET', `${resource.url}/me`)).toBe(200)
    expect(issuer.statuses).toEqual([400, 200, 200])
    const noncesOf = ({ proofs }: typeof resource) => proofs.map(({ nonce }) => nonce)
    expect(noncesOf(issuer)).toEqual([undefined, 'nonce-of-issuer', 'nonce-of-issuer'])
    expect(noncesOf(resource)).toEqual([undefined, ...Array(3).fill('nonce-of-resource')])
    expect(noncesOf(other)).toEqual([undefined, 'nonce-of-other', 'nonce-of-other'])
    expect(happened(session)).toEqual(['login', 'refreshed'])
    expect(steps()).toEqual([...Array(4).fill(['sent', 'done']), 'waiting', 'sent', 'done'].flat())
  })

  it('an auth server that asks for its nonce with a 401 gets one retry, too, and the session goes on', async () => {
    const { resource, issuer, send, time, ...session } = await open({ nonces: true })
    await send('GET', `${resource.url}/me`)
    issuer.nonceStatus = 401
    issuer.nonce = 'second'
    time.now += 6 * MINUTE
    expect(await send('GET', `${resource.url}/me`)).toBe(200)
    expect(issuer.statuses).toEqual([400, 200, 401, 200])
    expect(issuer.proofs.at(-1)?.nonce).toBe('second')
    expect(happened(session)).toEqual(['login', 'refreshed'])
  })

  it('a nonce that comes with a success is used by the next request', async () => {
    const { resource, send } = await open({ nonces: true })
    await send('GET', `${resource.url}/me`)
    resource.next.push('second')
    await send('GET', `${resource.url}/me`)
    expect(await send('GET', `${resource.url}/me`)).toBe(200)
    expect(resource.statuses).toEqual([401, 200, 200, 200])
    expect(resource.proofs.at(-1)?.nonce).toBe('second')
  })

  it('a nonce that comes with the answer to the retry is used by the next request', async () => {
    const { resource, send } = await open({ nonces: true })
    resource.next.push(undefined, 'second')
    for (let count = 0; count < 2; count++) expect(await send('GET', `${resource.url}/me`)).toBe(200)
    expect(resource.statuses).toEqual([401, 200, 200])
    expect(resource.proofs.at(-1)?.nonce).toBe('second')
  })

  it('a replay after a refresh may learn a nonce, too', async () => {
    const { resource, bound, send, ...session } = await open({ nonces: true })
    await send('GET', `${resource.url}/me`)
    bound.delete('at-1')
    resource.next.push('second')
    // The nonce changes with the very 401 that refuses the token, and is known from it.
    expect(await send('POST', `${resource.url}/orders`, 'tea')).toBe(200)
    bound.delete('at-2')
    const before = resource.arrived.length
    resource.nonce = 'third'
    expect(await send('POST', `${resource.url}/orders`, 'tea')).toBe(200)
    // For the nonce, for the token, and the replay.
    expect(resource.statuses.slice(before)).toEqual([401, 401, 200])
    expect(resource.arrived.slice(before).map(({ body }) => body.toString())).toEqual(['tea', 'tea', 'tea'])
    expect(happened(session)).toEqual(['login', 'refreshed', 'refreshed'])
  })

  it('a server that always wants another nonce gets one retry; its 401 is no refresh and no challenge', async () => {
    const { resource, issuer, send, ...session } = await open({ nonces: true })
    let count = 0
    Object.defineProperty(resource, 'nonce', { get: () => `never-${++count}`, set: () => {} })
    expect(await send('GET', `${resource.url}/me`)).toBe(401)
    expect(resource.statuses).toEqual([401, 401])
    expect(issuer.statuses).toEqual([400, 200])
    expect(happened(session)).toEqual(['login'])
  })

  it('a stream is sent once: its 401 teaches the nonce to the next request', async () => {
    const { resource, issuer, send, ...session } = await open({ nonces: true })
    const body =
      client === 'axios'
        ? Readable.from(['tea'])
        : new ReadableStream({
            start(controller) {
              controller.enqueue(new TextEncoder().encode('tea'))
              controller.close()
            },
          })
    expect(await send('POST', `${resource.url}/orders`, body)).toBe(401)
    expect(await send('GET', `${resource.url}/me`)).toBe(200)
    expect(resource.statuses).toEqual([401, 200])
    expect(issuer.statuses).toEqual([400, 200])
    expect(happened(session)).toEqual(['login'])
  })

  it('50 requests at once share one key, one refresh, and use no proof twice', async () => {
    const { resource, issuer, bound, send } = await open({ nonces: true })
    const burst = () =>
      Promise.all(Array.from({ length: 50 }, (_, number) => send('POST', `${resource.url}/${number}`, 'tea')))
    expect(await burst()).toEqual(Array(50).fill(200))
    bound.clear()
    expect(await burst()).toEqual(Array(50).fill(200))
    expect(issuer.statuses).toEqual([400, 200, 200])
    expect(new Set(resource.proofs.map(({ jkt }) => jkt)).size).toBe(1)
    expect(new Set(resource.proofs.map(({ jti }) => jti)).size).toBe(resource.proofs.length)
    expect(resource.proofs).toHaveLength(resource.arrived.length)
  })

  it('a proof that the server refuses is a challenge to the application, not a refresh', async () => {
    const { resource, issuer, send, key, ...session } = await open()
    const { proof } = key
    // A server whose address differs from the one that the page knows.
    key.proof = (method, url, token) => proof(method, `${url}/elsewhere`, token)
    expect(await send('GET', `${resource.url}/me`)).toBe(401)
    expect(issuer.statuses).toEqual([200])
    expect(session.events.find(({ type }) => type === 'challenge')).toMatchObject({
      scheme: 'DPoP',
      error: 'invalid_dpop_proof',
    })
  })

  it('an abort ends a request that waits for its proof', async () => {
    const { resource, key, auth } = await open()
    key.proof = () => new Promise(() => {})
    const controller = new AbortController()
    const { authFetch } = await import('tokenflight/fetch')
    const { attachAuth } = await import('tokenflight/axios')
    const { default: axios } = await import('axios')
    const api = axios.create({ proxy: false })
    attachAuth(api, auth, { allowedOrigins: [resource.url] })
    const { signal } = controller
    const request =
      client === 'axios'
        ? api.get(resource.url, { signal })
        : authFetch(auth, { allowedOrigins: [resource.url] })(resource.url, { signal })
    controller.abort()
    await expect(request).rejects.toThrow(/abort|cancel/i)
    expect(resource.arrived).toEqual([])
  })
})

it('a form of Node is sent again with the nonce', async () => {
  const world = await dpopWorld({ nonces: true })
  const { send } = await dpopSession(world, 'axios')
  const form = new FormData()
  form.append('drink', 'tea')
  expect(await send('POST', `${world.resource.url}/orders`, form)).toBe(200)
  const [first, second] = world.resource.arrived.map(({ body }) => body.toString())
  expect(first).toContain('tea')
  expect(second).toBe(first)
})

it('a Request with a body is sent again with the nonce, and after a refresh', async () => {
  const world = await dpopWorld({ nonces: true })
  const { auth } = await dpopSession(world, 'fetch')
  const { authFetch } = await import('tokenflight/fetch')
  const api = authFetch(auth, { allowedOrigins: [world.resource.url] })
  world.bound.clear()
  const response = await api(new Request(`${world.resource.url}/orders`, { method: 'POST', body: 'tea' }))
  expect([response.status, await response.json()]).toEqual([200, { body: 'tea' }])
  expect(world.resource.statuses).toEqual([401, 401, 200])
})
