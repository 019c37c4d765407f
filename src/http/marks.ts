/** The mark that tells our interceptor from others, so that an instance has one session. */
import type { Handle } from '../core/handle.js'

/** The mark on the condition of our interceptor: its attachment, readable by another copy of the package. */
export interface Mark {
  readonly handle: Handle
  /** With own members only. */
  readonly options: object
  readonly detach: () => void
}

/** The interceptors of axios. Ejected ones are null, and a mock may have no list. */
type Handlers = readonly ({ readonly runWhen?: unknown } | null)[] | null | undefined

/** The marks among the interceptors. */
export function findMarks(handlers: Handlers): Mark[] {
  // Stryker disable next-line ArrayDeclaration: a text is no interceptor
  return (handlers ?? []).map(handler => handler?.runWhen as Mark).filter(mark => mark?.handle && mark.detach)
}

/** Whether it is the attachment of this session with these options; one that is undefined is not given. */
export function isAttached(mark: Mark, handle: Handle, options: object, names: readonly string[]): boolean {
  return (
    mark.handle === handle &&
    names.every(name => Reflect.get(options, name) === Reflect.get(mark.options ?? {}, name))
  )
}
