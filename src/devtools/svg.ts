/** Shapes as data, and the patch that turns them into elements: unchanged elements are not touched. */

export interface Shape {
  readonly tag: 'g' | 'rect' | 'line' | 'path' | 'text' | 'circle'
  readonly attributes: Readonly<Record<string, string | number>>
  readonly children?: readonly Shape[]
  readonly text?: string
}

const namespace = 'http://www.w3.org/2000/svg'

export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly Element[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS(namespace, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

export interface Picture {
  readonly root: SVGSVGElement
  /** The part of the picture that moves, by its clip. */
  readonly clip: SVGRectElement
}

/** An empty picture, with the patterns that shapes are filled from. */
export function createPicture(labelledBy: string, describedBy: string): Picture {
  const clip = svg('rect', { x: 0, y: 0, width: 0, height: 4000 })
  const pattern = (id: string, size: number): SVGPatternElement =>
    svg(
      'pattern',
      { id, width: size, height: size, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
      svg('line', { y2: size, class: id }),
    )
  const root = svg(
    'svg',
    { role: 'graphics-document', 'aria-labelledby': labelledBy, 'aria-describedby': describedBy },
    svg('defs', {}, svg('clipPath', { id: 'clip' }, clip), pattern('hatch', 5), pattern('hatch-bad', 4)),
  )
  return { root, clip }
}

/** A group whose children are kept by key. */
export interface Layer {
  readonly group: SVGGElement
  /** Shows exactly these. A shape that was shown before keeps its element, and with it the focus. */
  show(shapes: ReadonlyMap<string, Shape>): void
}

export function createLayer(parent: SVGElement, name: string): Layer {
  const group = svg('g', { class: name })
  parent.append(group)
  const shown = new Map<string, { element: SVGElement; written: string }>()
  return {
    group,
    show(shapes) {
      for (const [key, { element }] of shown) {
        if (shapes.has(key)) continue
        element.remove()
        shown.delete(key)
      }
      for (const [key, shape] of shapes) {
        const written = JSON.stringify(shape)
        const present = shown.get(key)
        if (present?.written === written) continue
        const element = present?.element ?? svg(shape.tag)
        write(element, shape)
        if (!present) group.append(element)
        shown.set(key, { element, written })
      }
    },
  }
}

function write(element: SVGElement, { attributes, children, text }: Shape): void {
  for (const [name, value] of Object.entries(attributes)) {
    // The roving tab stop is moved by the keyboard.
    if (name === 'tabindex' && element.hasAttribute(name)) continue
    element.setAttribute(name, String(value))
  }
  if (text !== undefined) element.textContent = text
  if (!children) return
  element.replaceChildren(
    ...children.map(child => {
      const inner = svg(child.tag)
      write(inner, child)
      return inner
    }),
  )
}
