/** Shapes as data, and the patch that turns them into elements: what did not change is not touched. */

export interface Shape {
  readonly tag: 'g' | 'rect' | 'line' | 'path' | 'text' | 'circle'
  readonly attributes: Readonly<Record<string, string | number>>
  readonly children?: readonly Shape[]
  readonly text?: string
}

const namespace = 'http://www.w3.org/2000/svg'

/** An empty picture at the top of its host, with the patterns that the style sheet fills from. */
export function createPicture(host: HTMLElement, labelledBy: string, describedBy: string): SVGSVGElement {
  const svg = document.createElementNS(namespace, 'svg')
  svg.setAttribute('role', 'graphics-document')
  svg.setAttribute('aria-labelledby', labelledBy)
  svg.setAttribute('aria-describedby', describedBy)
  const pattern = (id: string, size: number) =>
    `<pattern id="${id}" width="${size}" height="${size}" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line x1="0" y1="0" x2="0" y2="${size}"/></pattern>`
  svg.innerHTML = `<defs><clipPath id="chart-clip"><rect x="0" y="0" width="0" height="4000"/></clipPath>${pattern('hatch', 5)}${pattern('hatch-bad', 4)}</defs>`
  host.prepend(svg)
  return svg
}

/** A group of SVG whose children are kept by key. */
export interface Layer {
  readonly group: SVGGElement
  /** Shows exactly these. A shape that is still there keeps its element, and with it the focus. */
  show(shapes: ReadonlyMap<string, Shape>): void
}

export function createLayer(parent: SVGElement, name: string): Layer {
  const group = document.createElementNS(namespace, 'g')
  group.setAttribute('class', name)
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
        const element = present?.element ?? document.createElementNS(namespace, shape.tag)
        write(element, shape)
        if (!present) group.append(element)
        shown.set(key, { element, written })
      }
    },
  }
}

function write(element: SVGElement, { attributes, children, text }: Shape): void {
  for (const [name, value] of Object.entries(attributes)) {
    // The roving tab stop belongs to whoever moves it.
    if (name === 'tabindex' && element.hasAttribute(name)) continue
    element.setAttribute(name, String(value))
  }
  if (text !== undefined) element.textContent = text
  if (children === undefined) return
  element.replaceChildren(
    ...children.map(child => {
      const inner = document.createElementNS(namespace, child.tag)
      write(inner, child)
      return inner
    }),
  )
}
