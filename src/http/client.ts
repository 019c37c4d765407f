/** The state of one attached client, the same for axios and fetch. */
import type { Handle } from '../core/handle.js'
import type { Answer, Client } from './call.js'
import { type HttpOptions, type HttpRules, resolveHttpOptions } from './options.js'

/** @throws TypeError that names the option and its mistake */
export function createClient<Request, Response extends Answer>(
  handle: Handle,
  options: HttpOptions<Request, Response>,
  view: Client<Response>['view'],
): Client<Response> & { readonly rules: HttpRules<Request, Response> } {
  const rules = resolveHttpOptions(handle, options)
  if (rules.renewal.carry) handle.serverRenews()
  return {
    handle,
    rules,
    view,
    rejecting: new WeakMap(),
    rejections: new WeakMap(),
  }
}
