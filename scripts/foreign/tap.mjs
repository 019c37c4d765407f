// @ts-check
// Reads the Test Anything Protocol.

/**
 * The tests by their titles, and whether they passed. Skipped tests are left out. Tests of the same title count as one,
 * and a group counts as its tests.
 * @param {string} text
 * @returns {Map<string, boolean>}
 */
export function readTap(text) {
  /** @type {Map<string, boolean>} */
  const results = new Map()
  /** The groups around a line, by their indentation. @type {[indent: number, title: string][]} */
  const groups = []
  const parents = new Set()
  for (const line of text.split('\n')) {
    const group = /^( *)# Subtest: (.*)/.exec(line)
    const test = /^( *)(not )?ok \d+ (?:- )?(.*?)(?: # (SKIP|TODO|time=).*)?$/i.exec(line)
    const indent = (group ?? test)?.[1]?.length ?? 0
    if (group || test) while ((groups.at(-1)?.[0] ?? -1) >= indent) groups.pop()
    if (group) groups.push([indent, group[2] ?? ''])
    if (!test || /skip|todo/i.test(test[4] ?? '')) continue
    const path = [...groups.map(([, name]) => name), test[3]]
    const title = path.join(' › ')
    parents.add(path.slice(0, -1).join(' › '))
    if (!parents.has(title)) results.set(title, !test[2] && results.get(title) !== false)
  }
  return results
}
