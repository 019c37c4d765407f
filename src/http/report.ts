/** The steps of a request, for listeners of every event: its method and its address, without headers and body. */

import { parseUrl } from '../core/environment.js'
import type { Grant } from '../core/grant.js'
import type { Handle } from '../core/handle.js'
import type { RequestEvent } from '../core/types.js'

/** Reports a step of one request. A second `sent` is the replay. */
export type Report = (phase: Exclude<RequestEvent['phase'], 'replayed'>, status?: number) => void

/** The parts of a request that are reported with each of its steps. */
interface Described {
  readonly baseURL?: string | undefined
  readonly method?: string | undefined
}

/**
 * Makes a call, and reports its steps while a listener of every event exists.
 * @param call gets the function that reports the steps before the outcome; undefined if they are not reported
 */
export function report<Response extends { status: number }>(
  handle: Handle,
  client: string,
  { baseURL, method = 'GET' }: Described,
  url: () => string,
  call: (step?: Report) => Promise<Response>,
): Promise<Response> {
  const id = handle.nextRequestId()
  if (!id) return call()
  const described = {
    id,
    client: baseURL ? `${client} ${addressOf(baseURL)}` : client,
    method: method.toUpperCase(),
    url: addressOf(url(), handle.current(), handle.told),
  }
  let sent = 0
  const step: Report = (phase, status) =>
    // Stryker disable next-line UpdateOperator: every number but 0 means the same
    handle.report({ ...described, phase: phase === 'sent' && sent++ ? 'replayed' : phase, status })
  const answer = new Promise<Response>(resolve => resolve(call(step)))
  answer.then(
    // A mock may answer nothing.
    response => step('done', response?.status),
    error => {
      const status: number | undefined = error?.response?.status
      step(status ? 'done' : 'failed', status)
    },
  )
  return answer
}

/** Origin and path, empty where there is no page to resolve it; segments longer than a UUID may be secrets, and tokens are. */
function addressOf(url: string, grant?: Grant, told?: Handle['told']): string {
  // Stryker disable next-line StringLiteral: without a host no path is shown
  const { protocol, host, pathname = '' } = parseUrl(url) ?? ({} as Partial<URL>)
  // Stryker disable next-line ArrayDeclaration: no segment has that value
  const tokens = grant ? [grant.accessToken, grant.record.refreshToken, ...grant.earlier, ...grant.spent] : []
  const isSecret = (segment: string): boolean =>
    segment.length > 36 || tokens.includes(segment) || !!told?.has(segment)
  const shown = pathname.split('/').map(segment => (isSecret(segment) ? '…' : segment))
  return host ? `${protocol}//${host}${shown.join('/')}` : (protocol ?? '')
}
