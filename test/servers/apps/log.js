// @ts-check
/** The list of requests that each server of this folder keeps, and the state that survives its restart. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'

/** `node <app> PORT FOLDER` */
export const [port, folder = ''] = [Number(process.argv[2]), process.argv[3]]

/**
 * Writes a line for each request before its answer leaves.
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @param {() => string | undefined} [grant] the grant that it asked for, when the answer is known
 */
export function keepLog({ method, url = '' }, response, grant) {
  const end = response.end.bind(response)
  response.end = /** @type {typeof response.end} */ (
    (/** @type {[]} */ ...parameters) => {
      const path = url.split('?')[0]
      appendFileSync(
        join(folder, 'requests.log'),
        `${method} ${path} ${grant?.() ?? '-'} ${response.statusCode}\n`,
      )
      return end(...parameters)
    }
  )
}

const file = join(folder, 'state')

/**
 * The state as the last `save` left it.
 * @template T
 * @param {T} fresh
 * @returns {T}
 */
export function load(fresh) {
  return existsSync(file) ? deserialize(readFileSync(file)) : fresh
}

/** @param {unknown} state */
export function save(state) {
  writeFileSync(file, serialize(state))
}
