/** Attempts whose token is bound to a key (RFC 9449). */
import type { Grant } from '../core/grant.js'
import { readHeader } from '../core/read-failure.js'
import type { Dpop } from '../core/types.js'
import type { Answer, Attempt, Call } from './call.js'
import type { Report } from './report.js'

/** Sends with a proof, and once more if the server wants a nonce of its own in the proof. */
export async function proveAndSend<Response extends Answer>(
  dpop: Dpop,
  call: Call<Response>,
  { accessToken }: Grant,
  tokens: Record<string, string>,
  isReplay: boolean,
): Promise<Attempt<Response>> {
  const { method, url } = call
  const send = async (mayFollow: boolean, step?: Report): Promise<Attempt<Response>> => {
    const DPoP = await call.wait(dpop.proof(method, url, accessToken))
    step?.('sent')
    return call.send({ ...tokens, DPoP }, { isReplay, mayFollow })
  }
  const learn = ({ response, isUnrelated }: Attempt<Response>): boolean => {
    if (!response || isUnrelated) return false
    const { status, headers } = response
    const get = (name: string): string => readHeader(headers, name.toLowerCase())
    return dpop.learn(url, { status, headers: { get } }, true)
  }
  const attempt = await send(!call.isOneShot, call.step)
  if (!learn(attempt) || call.isOneShot) return attempt
  attempt.discard()
  const last = await send(!isReplay)
  learn(last)
  return last
}
