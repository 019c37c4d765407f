/** Whether a component has nothing new to show. */

/** An object of any kind, or a primitive value, which has no members. */
export type Bag = Record<string, unknown>

/** The same value, or an array or a plain object with the same members. */
export function isSame(before: Bag, after: Bag): boolean {
  return (
    before === after ||
    (([Array, Object] as unknown[]).includes(before?.constructor) &&
      before.constructor === after?.constructor &&
      Object.keys({ ...before, ...after }).every(name => before[name] === after[name]))
  )
}
