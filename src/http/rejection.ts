/** The meaning of an answer for the token of its request; the same for axios and fetch. */
import type { Grant } from '../core/grant.js'
import { readHeader } from '../core/read-failure.js'
import { ignore, isPromise } from '../core/waiting.js'
import type { Answer, Call, Client } from './call.js'
import { type Challenge, describeChallenge, findUnmet, noteChallenge, readChallenges } from './challenge.js'
import { unlessThrows } from './options.js'

/**
 * Checks an answer: stores the tokens that came with it, and reports a challenge that no refresh can meet. Returns whether it
 * rejects its token; a promise if the application's `shouldRefresh` is asynchronous.
 */
export function checkAnswer<Response extends Answer>(
  client: Client<Response>,
  response: Response,
  grant: Grant,
  call: Pick<Call<Response>, 'url'>,
  isReplay: boolean,
): boolean | Promise<boolean> {
  if (wantsNonce(client, response)) return false
  const { renewal, shouldRefresh } = client.rules
  if (renewal.collect || shouldRefresh) return askApplication(client, response, grant, call, isReplay)
  return note(client, response, grant, call, isReplay, isRejectedByDefault(client, response, grant))
}

/** Gives the answer to `collect` and `shouldRefresh`. */
async function askApplication<Response extends Answer>(
  client: Client<Response>,
  response: Response,
  grant: Grant,
  call: Pick<Call<Response>, 'url'>,
  isReplay: boolean,
): Promise<boolean> {
  const { collect } = client.rules.renewal
  const view = await client.view(response)
  if (collect) await store(client, collect, view, grant)
  return note(client, response, grant, call, isReplay, await ask(client, view, grant))
}

/** The same for a request that left without a token. */
export async function isRejectionOfVisitor<Response extends Answer>(
  client: Client<Response>,
  response: Response,
): Promise<boolean> {
  return ask(client, client.rules.shouldRefresh ? await client.view(response) : response, undefined)
}

/** Rejects the grant, and resolves to the grant to replay with. Undefined: the caller gets the rejection. */
export function renewRejected<Response extends Answer>(
  { handle, rejecting }: Client<Response>,
  grant: Grant,
  call: Pick<Call<Response>, 'url' | 'isOneShot'>,
): Promise<Grant> | undefined {
  // No replay will show whether the new token is accepted.
  if (call.isOneShot && grant.fromRejection) handle.doubtEndpoint(grant)
  // Acceptance by another endpoint proves nothing about one that always answers 401.
  const isAccepted = grant.accepted && !rejecting.get(grant)?.has(endpointOf(call.url))
  return handle.rejectGrant(grant, isAccepted)
}

/** Remembers whether the answer rejects its token. */
function note<Response extends Answer>(
  client: Client<Response>,
  response: Response,
  grant: Grant,
  call: Pick<Call<Response>, 'url'>,
  isReplay: boolean,
  isRejected: boolean,
): boolean {
  const { handle, rejecting, rejections } = client
  const endpoints = rejecting.get(grant)
  if (isRejected) {
    rejections.set(response, true)
    if (isReplay) {
      rejecting.set(grant, (endpoints ?? new Set()).add(endpointOf(call.url)))
      handle.doubtEndpoint(grant)
    }
    return true
  }
  // A 404 may come from a router that never looked at the token, a 503 from a proxy.
  if (response.status < 400) {
    grant.accepted = true
    endpoints?.delete(endpointOf(call.url))
  }
  const unmet = response.status === 401 ? findUnmetOf(client, response, grant) : undefined
  if (unmet) {
    const challenge = describeChallenge(unmet)
    noteChallenge(response, challenge)
    handle.challenge(challenge)
  }
  return false
}

/** Resolves when the tokens of the answer are stored: the caller may leave the page. Undefined: there are none. */
function store<Response extends Answer>(
  { handle }: Client<Response>,
  collect: NonNullable<Client<Response>['rules']['renewal']['collect']>,
  view: Response,
  grant: Grant,
): Promise<void> | undefined {
  const tokens = unlessThrows(handle, 'collect', () => collect(view), undefined)
  if (!tokens) return undefined
  if (!isPromise(tokens)) return handle.collect(tokens, grant)
  tokens.then(ignore, ignore)
  return void handle.warn('collect returned a promise; it must return the tokens themselves, or undefined')
}

/** Asks the application. If it has no opinion, a 401 decides. */
async function ask<Response extends Answer>(
  client: Client<Response>,
  view: Response,
  grant: Grant | undefined,
): Promise<boolean> {
  const { handle, rules } = client
  try {
    if (rules.shouldRefresh) return !!(await rules.shouldRefresh(view))
  } catch (error) {
    handle.warn('shouldRefresh threw', error)
  }
  return isRejectedByDefault(client, view, grant)
}

function isRejectedByDefault<Response extends Answer>(
  client: Client<Response>,
  view: Response,
  grant: Grant | undefined,
): boolean {
  return view.status === 401 && !findUnmetOf(client, view, grant)
}

/** The challenge of a 401 that no refresh can meet. */
function findUnmetOf<Response extends Answer>(
  { rules }: Client<Response>,
  { headers }: Response,
  grant: Grant | undefined,
): Challenge | undefined {
  let header = readHeader(headers, 'www-authenticate')
  if (!header) return undefined
  // A server may repeat them, and an event must not.
  for (const secret of [grant?.accessToken, grant?.record.refreshToken]) {
    // Stryker disable next-line ConditionalExpression: a split at undefined changes nothing
    if (secret) header = header.split(secret).join('…')
  }
  const own = Object.values(rules.header.make(grant?.accessToken ?? 'none')).map(schemeOf)
  return findUnmet(readChallenges(header), scheme => scheme === 'bearer' || own.includes(scheme))
}

/** Whether the answer asks for a nonce, and so tells nothing about the token (RFC 9449 section 9). */
function wantsNonce<Response extends Answer>(
  { handle }: Client<Response>,
  { status, headers }: Response,
): boolean {
  const { dpop } = handle.settings
  return !!dpop && status === 401 && /\buse_dpop_nonce\b/.test(readHeader(headers, 'www-authenticate'))
}

/** The scheme at the start of a header's value, in lower case (RFC 9110 section 11.4). */
function schemeOf(credentials: string): string | undefined {
  return /^\s*([^\s,]+)\s/.exec(credentials.toLowerCase())?.[1]
}

/** The URL without the part that changes from call to call. */
function endpointOf(url: string): string {
  return url.split(/[?#]/, 1).join()
}
