/** Attempts of axios whose token is bound to a key (RFC 9449). */
import { AxiosHeaders, type InternalAxiosRequestConfig } from 'axios'
import { readHeader } from '../core/failure.js'
import type { Dpop } from '../core/types.js'
import { attempt, type Call, type Outcome, patiently } from './axios-call.js'
import { discard } from './body.js'
import { readings } from './config.js'

/** An attempt whose token is bound to a key, and another one where the server wants a nonce of its own in the proof. */
export async function attemptBound(
  call: Call,
  own: InternalAxiosRequestConfig,
  isReplay: boolean,
  dpop: Dpop | undefined,
  token: string,
): Promise<Outcome> {
  if (!dpop) return attempt(call, own, isReplay)
  const { config, isOnce, again } = call
  const url = readings(config).pop() as string
  const prove = async (): Promise<unknown> =>
    own.headers.set(
      'DPoP',
      await patiently(call, dpop.proof((own.method ?? 'get').toUpperCase(), url, token)),
    )
  const learn = ({ response }: Outcome): boolean => {
    const { status = 0, headers } = response ?? {}
    return dpop.learn(
      url,
      { status, headers: { get: name => readHeader(headers, name.toLowerCase()) } },
      true,
    )
  }
  const { ...kept } = own
  const headers = Object.assign(new AxiosHeaders(), own.headers)
  await prove()
  const outcome = await attempt(call, own, isReplay)
  if (!learn(outcome) || isOnce) return outcome
  discard(outcome.response?.data)
  outcome.endProgress(false)
  const body = again?.()
  Object.assign(own, kept, { headers }, body && { data: body.data })
  if (body) headers.set(body.headers)
  await prove()
  const last = await attempt({ ...call, step: undefined }, own, isReplay)
  learn(last)
  return last
}
