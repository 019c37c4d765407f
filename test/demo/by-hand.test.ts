/** The interceptor that the demo compares with: it has the usual faults, and no others. */
import { AxiosError, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import { expect, it, vi } from 'vitest'
import { createHandWritten } from '../../demo/page/by-hand.js'

interface Exchange {
  readonly request: string
  answer(status: number, data?: object): void
}

it('leaves no request waiting whose 401 comes while the first one is sent again', async () => {
  const open: Exchange[] = []
  const adapter = (config: InternalAxiosRequestConfig): Promise<AxiosResponse> =>
    new Promise((resolve, reject) => {
      const answer = (status: number, data: object = {}): void => {
        const response = { status, data, config, headers: {}, statusText: '' }
        if (status < 400) resolve(response)
        else reject(new AxiosError('Refused', AxiosError.ERR_BAD_REQUEST, config, undefined, response))
      }
      open.push({ request: `${config.url} ${config.headers.Authorization ?? ''}`.trim(), answer })
    })
  const next = async (request: string): Promise<Exchange> => {
    await vi.waitFor(() => expect(open.map(exchange => exchange.request)).toContain(request))
    return open.splice(
      open.findIndex(exchange => exchange.request === request),
      1,
    )[0]!
  }
  const tokens = { accessToken: 'old', refreshToken: 'refresh' }
  const hand = createHandWritten(tokens, adapter)
  const first = hand.send('/first', 1)
  const second = hand.send('/second', 2)
  const late = await next('/second Bearer old')
  ;(await next('/first Bearer old')).answer(401)
  ;(await next('/auth/refresh')).answer(200, { accessToken: 'new' })
  const replay = await next('/first Bearer new')
  late.answer(401)
  await new Promise(resolve => setImmediate(resolve))
  replay.answer(200)
  expect(await first).toBe(200)
  ;(await next('/auth/refresh')).answer(200, { accessToken: 'newer' })
  ;(await next('/second Bearer newer')).answer(200)
  expect(await second).toBe(200)
})
