/** One request of axios or of fetch: a token, one attempt, and at most one replay. The clients define how to send and how to wait. */

import type { Grant } from '../core/grant.js'
import type { Handle } from '../core/handle.js'
import { ignore, isPromise } from '../core/waiting.js'
import type { Answer, Attempt, Call, Client } from './call.js'
import { proveAndSend } from './proof.js'
import { checkAnswer, isRejectionOfVisitor, renewRejected } from './rejection.js'

/** Sends a call with the grant that `acquire` gave it, now or later. */
export function start<Response extends Answer>(
  client: Client<Response>,
  call: Call<Response>,
  grant: ReturnType<Handle['acquire']>,
): Promise<Response> {
  const { handle, rules, rejections } = client
  const { carry } = rules.renewal
  const isWaiting = isPromise(grant)
  if (isWaiting) call.step?.('waiting')
  if (carry)
    return carry(handle, {
      grant,
      call,
      send: (carried, isAlone) => sendWith(client, call, carried, isAlone),
      // A 404 may come from a router that never looked at the tokens, a 503 from a proxy.
      isUnrelated: response => !(rejections.get(response) ?? response.status < 400),
      isRejection: response => !!rejections.get(response),
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
  // No answer has shown yet whether there is a cookie session. There is no token yet, and a rejection tries the restore again.
  const mayRestore = handle.isUndecided() && !call.hasOwnCredentials()
  const attempt = await sendOnce(client, call, grant, isReplay, mayRestore)
  const { response, isUnrelated } = attempt
  if (response && isUnrelated) client.rejections.set(response, false)
  if (!response || isUnrelated || handle.isDisposed()) return attempt.finish()
  if (mayRestore) return replayRestored(client, call, attempt)
  if (!grant) return attempt.finish()
  const answer = checkAnswer(client, response, grant, call, isReplay)
  const isRejected = isPromise(answer) ? await waitWith(attempt, call, answer) : answer
  return isRejected && !isReplay ? replayRenewed(client, call, attempt, grant) : attempt.finish()
}

/** Sends a call that left without a token once more, if its restore brings one. */
async function replayRestored<Response extends Answer>(
  client: Client<Response>,
  call: Call<Response>,
  rejected: Attempt<Response>,
): Promise<Response> {
  const response = rejected.response as Response
  const restored = restore(client, response)
  const late = call.isOneShot ? undefined : await waitWith(rejected, call, restored)
  if (!late) return rejected.finish()
  call.step?.('rejected', response.status)
  rejected.discard()
  return sendWith(client, call, late, true)
}

/** Waits, with an answer in hand. If the call is given up, no code will read the answer. */
function waitWith<T>(
  attempt: Pick<Attempt<unknown>, 'discard'>,
  call: Pick<Call<never>, 'wait'>,
  promise: Promise<T>,
): Promise<T> {
  return call.wait(promise).catch(error => {
    attempt.discard()
    throw error
  })
}

/** Sends a call whose token was rejected once more, with the next one. */
function replayRenewed<Response extends Answer>(
  client: Client<Response>,
  call: Call<Response>,
  rejected: Attempt<Response>,
  grant: Grant,
): Response | Promise<Response> {
  call.step?.('rejected', (rejected.response as Response).status)
  const renewal = renewRejected(client, grant, call)
  if (call.isOneShot || !renewal) {
    // A one-shot body is not sent again: the refresh prepares the next call.
    renewal?.catch(ignore)
    return rejected.finish()
  }
  rejected.discard()
  // A call that waits keeps nothing of the rejection: an error with its stack is most of the cost of a wait.
  return call.wait(renewal).then(late => sendWith(client, call, late, true))
}

function sendOnce<Response extends Answer>(
  { handle, rules }: Client<Response>,
  call: Call<Response>,
  grant: Grant | undefined,
  isReplay: boolean,
  mayRestore: boolean,
): Promise<Attempt<Response>> {
  const { dpop } = handle.settings
  if (dpop && grant) return proveAndSend(dpop, call, grant, tokensOf(rules, grant), isReplay)
  call.step?.('sent')
  if (!grant) return call.send(undefined, { isReplay, mayFollow: mayRestore })
  return call.send(tokensOf(rules, grant), { isReplay, mayFollow: !isReplay && !call.isOneShot })
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
