// @ts-check
// The end of `npm run test:mutation`: each mutant that the tests let live stands in stryker.survivors.js with the
// reason why no test should kill it. One that does not is a promise without a test, or a condition without a use.
import { readFileSync } from 'node:fs'
import stryker from '../stryker.config.js'
import http from '../stryker.http.config.js'
import { survivors } from '../stryker.survivors.js'

/** @typedef {{ line: number, column: number }} Position */
/** @typedef {{ status: string, replacement: string, location: { start: Position, end: Position } }} Mutant */
/** @typedef {{ files: Record<string, { source: string, mutants: Mutant[] }> }} Report */

const alive = [stryker, http].flatMap(({ incrementalFile }) => {
  /** @type {Report} */
  const { files } = JSON.parse(readFileSync(new URL(`../${incrementalFile}`, import.meta.url), 'utf8'))
  return Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants
      .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
      .map(({ location, replacement }) => ({
        place: `${file}:${location.start.line}`,
        key: keyOf(file, cut(source, location), replacement),
      })),
  )
})
const known = Object.entries(survivors).flatMap(([file, mutants]) =>
  mutants.map(([original, replacement]) => keyOf(file, original, replacement)),
)
const unknown = alive.filter(({ key }) => !known.includes(key))
for (const { place, key } of unknown) console.error(`${place} lives, and nothing says why: ${key}`)
for (const key of known)
  if (!alive.some(each => each.key === key)) console.log(`No longer alive, take it out of the list: ${key}`)
console.log(`${alive.length} mutants live, ${unknown.length} of them without a reason`)
process.exitCode = unknown.length ? 1 : 0

/**
 * A mutant as the list names it, whatever line it has moved to.
 * @param {string} file
 * @param {string} original
 * @param {string} replacement
 */
function keyOf(file, original, replacement) {
  return `${file}: ${original} -> ${replacement}`.replaceAll(/\s+/g, ' ')
}

/**
 * @param {string} source
 * @param {Mutant['location']} location
 */
function cut(source, { start, end }) {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  lines.push(lines.pop()?.slice(0, end.column - 1) ?? '')
  return lines.join('\n').slice(start.column - 1)
}
