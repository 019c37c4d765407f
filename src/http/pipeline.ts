/** One request of axios or of fetch: a token, one attempt, and at most one replay. The clients define how to send and how to wait. */

import type { Grant } from '../core/grant.js'
import type { Handle } from '../core/handle.js'
import { ignore, isPromise } from '../core/waiting.js'
import type { Answer, Attempt, Call, Client } from './call.js'
import { proveAndSend } from './proof.js'
import { checkAnswer, grantForReplay, isRejectionOfVisitor } from './rejection.js'

/** Sends a call with the grant that `acquire` gave it, now or later. */
export function start<Response extends Answer>(
  client: Client<Response>,
  call: Call<Response>,
  grant: ReturnType<Handle['acquire']>,
): Promise<Response> {
  const { handle, rules } = client
  const { carry } = rules.renewal
  const isWaiting = isPromise(grant)
  if (isWaiting || (carry && grant && handle.isExpired(grant))) call.step?.('waiting')
  if (carry)
    return carry(handle, {
      grant,
      call,
      send: (carried, isAlone) => sendWith(client, call, carried, isAlone),
      // A 404 may come from a router that never looked at the tokens, a 503 from a proxy.
      isUnrelated: response =>
        client.unrelated.has(response) || (response.status >= 400 && !client.rejections.has(response)),
      isRejection: response => client.rejections.has(response),
    })
  if (!isWaiting) return sendWith(client, call, grant, false)
  // The application may have set credentials of its own during the wait.
  return call
    .waitToSend(grant)
    .then(late => sendWith(client, call, call.hasOwnCredentials() ? undefined : late, false))
}

/** One attempt, and another one if its token is rejected: one refresh, one replay, one outcome. */
async function sendWith<Response extends Answer>(
  client: Client<Response>,
  call: Call<Response>,
  found: Grant | undefined,
  isReplay: boolean,
): Promise<Response> {
  const { handle } = client
  const grant = handle.isDisposed() ? undefined : found
  // No answer has shown yet whether there is a cookie session: a rejection tries its restore again.
  const isHopeful = !found && !isReplay && handle.isUndecided() && !call.hasOwnCredentials()
  const attempt = await sendOnce(client, call, grant, isReplay, isHopeful)
  const { response, isUnrelated } = attempt
  if (response && isUnrelated) client.unrelated.add(response)
  if (!response || isUnrelated || handle.isDisposed()) return attempt.finish()
  if (isHopeful) return replayRestored(client, call, attempt, response)
  if (!grant) return attempt.finish()
  const answer = checkAnswer(client, response, grant, call, isReplay)
  const isRejected = isPromise(answer) ? await call.wait(answer) : answer
  return isRejected && !isReplay ? replayRenewed(client, call, attempt, grant) : attempt.finish()
}

/** Sends a call that left without a token once more, if its restore brings one. */
async function replayRestored<Response extends Answer>(
  client: Client<Response>,
  call: Call<Response>,
  rejected: Attempt<Response>,
  response: Response,
): Promise<Response> {
  const restored = restore(client, response)
  const late = call.isOneShot ? undefined : await call.wait(restored)
  if (!late) return rejected.finish()
  call.step?.('rejected', response.status)
  rejected.discard()
  return sendWith(client, call, late, true)
}

/** Sends a call whose token was rejected once more, with the next one. */
function replayRenewed<Response extends Answer>(
  client: Client<Response>,
  call: Call<Response>,
  rejected: Attempt<Response>,
  grant: Grant,
): Response | Promise<Response> {
  call.step?.('rejected', rejected.response?.status)
  const renewal = grantForReplay(client, grant, call)
  // A one-shot body is not sent again: the refresh prepares the next call.
  if (call.isOneShot) renewal?.catch(ignore)
  if (call.isOneShot || !renewal) return rejected.finish()
  rejected.discard()
  // A call that waits keeps nothing of the rejection: an error with its stack is most of the cost of a wait.
  return call.wait(renewal).then(late => sendWith(client, call, late, true))
}

function sendOnce<Response extends Answer>(
  { handle, rules }: Client<Response>,
  call: Call<Response>,
  grant: Grant | undefined,
  isReplay: boolean,
  isHopeful: boolean,
): Promise<Attempt<Response>> {
  const { dpop } = handle.settings
  if (dpop && grant) return proveAndSend(dpop, call, grant, tokensOf(rules, grant), isReplay)
  call.step?.('sent')
  if (!grant) return call.send(undefined, { isReplay, mayFollow: isHopeful })
  return call.send(tokensOf(rules, grant), { isReplay, mayFollow: !isReplay })
}

/** The headers of the tokens. */
function tokensOf<Response extends Answer>(
  rules: Client<Response>['rules'],
  grant: Grant,
): Record<string, string> {
  const { refreshTokenHeader } = rules.renewal
  const { refreshToken } = grant.record
  const tokens = rules.header.make(grant.accessToken)
  if (refreshTokenHeader && refreshToken) tokens[refreshTokenHeader] = refreshToken
  return tokens
}

/** The grant of a cookie session for a request that left without one. Undefined: the caller gets the answer. Never rejects. */
async function restore<Response extends Answer>(
  client: Client<Response>,
  response: Response,
): Promise<Grant | undefined> {
  const isRejected = await isRejectionOfVisitor(client, response).catch(ignore)
  return isRejected ? client.handle.restoreAgain().catch(ignore) : undefined
}
