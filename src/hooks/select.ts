/** The part of the claims that a component shows. */

/** Selects from claims. The result stays the same object for as long as a component has nothing new to show. */
export function createSelect(
  selector: ((claims: unknown) => unknown) | undefined,
): (claims: unknown) => unknown {
  let selected: unknown
  return claims => {
    const next = claims && selector ? selector(claims) : claims
    if (!isSame(selected as Bag, next as Bag)) selected = next
    return selected
  }
}

type Bag = Record<string, unknown>

/** The same value, or an array or a plain object with the same members. */
function isSame(before: Bag, after: Bag): boolean {
  return (
    before === after ||
    (([Array, Object] as unknown[]).includes(before?.constructor) &&
      before.constructor === after?.constructor &&
      Object.keys({ ...before, ...after }).every(name => before[name] === after[name]))
  )
}
