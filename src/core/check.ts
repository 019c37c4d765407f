/** The error for a wrong option, the same everywhere. */

/** @throws TypeError that names the option, the expected value and the received value; of an object only its type */
export function check(isValid: unknown, option: string, expected: string, value: unknown): void {
  if (!isValid) throw new TypeError(`tokenflight: \`${option}\` must be ${expected}, got ${show(value)}`)
}

/** The names of the options, all of them. */
export type Names<Options> = Readonly<Record<keyof Options, 1>>

/**
 * The options that the object itself holds. Inherited members are not read, so a polluted prototype sets none.
 * @throws TypeError that names an option which the function does not know
 */
export function ownOptions<Options extends object>(
  options: Options,
  maker: string,
  names: Names<Options>,
): Options {
  // A text in its place may be a token.
  check(options && typeof options === 'object', 'options', 'an object', kindOf(options))
  const known = Object.keys(names)
  for (const name of Object.keys(options)) {
    if (!known.includes(name))
      throw new TypeError(`tokenflight: ${maker} has no option \`${name}\`, only ${known.join(', ')}`)
  }
  return Object.assign(Object.create(null), options)
}

/** The kind of a value, without its contents. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof (value as { then?: unknown }).then === 'function' ? 'a promise' : typeof value
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.map(show).join()
  return Object(value) === value ? typeof value : String(value)
}

/** Whether it is a function, or undefined if it is optional. */
export function isOptionalFunction(value: unknown): boolean {
  return value === undefined || typeof value === 'function'
}

/** Whether it is a text with content. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** Whether it can be the name of a header. */
export function isHeaderName(value: unknown): boolean {
  return isText(value) && /^[\w-]+$/.test(value)
}
