/** Servers that see tokens unencrypted: one warning for each origin. */
import { warn } from './derive.js'
import { parseUrl } from './environment.js'
import type { Engine } from './state.js'

/** The names and addresses of this very machine, as the platform spells them (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3). */
const NAME = /(^|\.)localhost\.?$/
const ADDRESS = /^(127\.[\d.]+|\[::1\])$/

/** Warns where tokens travel to this address by plain HTTP. A relative address without a page leads to no server. */
export function warnOfPlainHttp(engine: Engine, address: string): void {
  const { protocol, hostname, origin } = parseUrl(address) ?? ({} as URL)
  if (protocol !== 'http:' || NAME.test(hostname) || ADDRESS.test(hostname) || engine.plain.has(origin))
    return
  engine.plain.add(origin)
  warn(engine, `Tokens travel to ${origin} unencrypted: use https`)
}
