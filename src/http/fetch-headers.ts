/** The headers of a `fetch`, under the names that its caller wrote: on Node they leave as they are written. */

type Pair = [name: string, value: string]

export interface GivenHeaders {
  /** Its value; the case of the name does not matter. */
  get(name: string): string | undefined
  /** All values. */
  values(): string
  /** A copy of them with others, in place of those of the same names. */
  with(others?: Record<string, string>): HeadersInit
}

/**
 * Reads them at once, as `fetch` does. A plain object stays one: `Headers` that a long token is set on cost more than all
 * the rest.
 * @throws TypeError when they are not headers
 */
export function readHeaders(headers: HeadersInit | undefined): GivenHeaders {
  const given = headers || {}
  const isList = Symbol.iterator in given
  const own = (isList ? Array.from(given, pair => [...pair]) : Object.entries(given)) as Pair[]
  // `Headers` reveal the original case of names only to the class of their own library.
  const Kind =
    typeof (given as Headers).append === 'function'
      ? (kindOf(given as Headers, 'append', Headers.prototype).constructor as typeof Headers)
      : undefined
  const kept = Kind && new Kind(given)
  const isSame = ([each]: Pair, name: string): boolean => String(each).toLowerCase() === name.toLowerCase()
  return {
    get(name) {
      const values = own.filter(pair => isSame(pair, name)).map(([, value]) => value)
      return values.length ? values.join() : undefined
    },
    values: () => own.map(([, value]) => value).join(),
    with(others = {}) {
      if (Kind) {
        const copy = new Kind(kept)
        for (const name in others) copy.set(name, others[name] as string)
        return copy
      }
      // Stryker disable next-line ConditionalExpression: a shortcut
      if (!own.length) return { ...others }
      const names = Object.keys(others)
      const rest = own.filter(pair => !names.some(name => isSame(pair, name)))
      const pairs = [...rest, ...Object.entries(others)]
      return isList ? pairs : Object.fromEntries(pairs)
    },
  }
}

/**
 * The prototype that a member comes from, beneath those of the application: a library such as undici has classes of its
 * own, which take no object of the platform.
 */
export function kindOf<T extends object>(object: T, member: keyof T, platform: T): T {
  let kind = platform
  for (let each = Object.getPrototypeOf(object); each; each = Object.getPrototypeOf(each))
    if (Object.getOwnPropertyDescriptor(each, member)) kind = each
  return kind
}
