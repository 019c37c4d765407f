/** Misuse of an option, said in one way. */

/** @throws TypeError that names the option, what it must be and what it is: of an object no more than that it is one */
export function check(isValid: unknown, option: string, expected: string, value: unknown): void {
  if (!isValid) throw new TypeError(`tokenflight: \`${option}\` must be ${expected}, got ${show(value)}`)
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.map(show).join()
  return Object(value) === value ? typeof value : String(value)
}

/** Whether it is a function, or nothing where it need not be given. */
export function isOptionalFunction(value: unknown): boolean {
  return value === undefined || typeof value === 'function'
}

/** Whether it is a text that says something. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** Whether it can name a header. */
export function isHeaderName(value: unknown): boolean {
  return isText(value) && /^[\w-]+$/.test(value)
}
