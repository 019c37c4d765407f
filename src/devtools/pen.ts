/** The interface that adds marks to the timeline. */
import type { Mark } from './marks.js'

/** The functions that make marks. */
export interface Pen {
  readonly marks: Map<string, Mark>
  /** The first line of the lane that is free from then on. It is taken until `end`. */
  place(lane: string, start: number, end: number): number
  /** The line is free from then on. */
  release(lane: string, row: number, at: number): void
  /** A name that no other mark has. */
  name(kind: string): string
}
