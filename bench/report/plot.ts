/** Plots as SVG without a background, readable on light and dark pages. */

const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #57606a }
    .title { font-size: 15px; font-weight: 600; fill: #1f2328 }
    .note { font-size: 12px }
    .bar, .swatch { fill: #8c959f }
    .bar.ours { fill: #0969da }
    .whisker { stroke: #57606a; stroke-width: 1.5 }
    .grid { stroke: #d0d7de; stroke-width: 1 }
    .line { fill: none; stroke-width: 1.5; stroke-linejoin: round }
    @media (prefers-color-scheme: dark) {
      text { fill: #9198a1 }
      .title { fill: #f0f6fc }
      .bar { fill: #656c76 }
      .bar.ours { fill: #4493f8 }
      .whisker { stroke: #9198a1 }
      .grid { stroke: #3d444d }
    }`

const WIDTH = 760

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}

function svg(height: number, title: string, body: string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title).replace(/"/g, '&quot;')}">
  <style>${STYLE}
  </style>
  <text class="title" x="0" y="18">${escaped(title)}</text>
  ${body.join('\n  ')}
</svg>
`
}

export interface Bar {
  readonly label: string
  readonly value: number
  /** The spread, drawn as a whisker. */
  readonly low?: number
  readonly high?: number
  /** Beside the bar, in place of the value. */
  readonly text?: string
}

const ROW = 26
const LABELS = 310

/** Horizontal bars; those of ours stand out. */
export function bars(title: string, note: string, rows: readonly Bar[]): string {
  const most = Math.max(...rows.map(({ value, high = value }) => high))
  const scale = (value: number): number => (value / most) * (WIDTH - LABELS - 130)
  const body = rows.flatMap(({ label, value, low, high, text }, index) => {
    const y = 48 + index * ROW
    const middle = y + 8
    const isOurs = label.startsWith('tokenflight') ? ' ours' : ''
    const end = LABELS + scale(Math.max(value, high ?? 0))
    return [
      `<text x="${LABELS - 10}" y="${y + 13}" text-anchor="end">${escaped(label)}</text>`,
      `<rect class="bar${isOurs}" x="${LABELS}" y="${y}" width="${scale(value).toFixed(1)}" height="16" rx="2"/>`,
      ...(low === undefined || high === undefined
        ? []
        : [
            `<path class="whisker" d="M${(LABELS + scale(low)).toFixed(1)} ${middle}H${(LABELS + scale(high)).toFixed(1)}"/>`,
          ]),
      `<text x="${(end + 8).toFixed(1)}" y="${y + 13}">${escaped(text ?? value.toPrecision(3))}</text>`,
    ]
  })
  const height = 48 + rows.length * ROW + 24
  return svg(height, title, [...body, `<text class="note" x="0" y="${height - 6}">${escaped(note)}</text>`])
}

export interface Line {
  readonly label: string
  /** Seconds between two points. */
  readonly width: number
  readonly rates: readonly number[]
}

export interface Panel {
  readonly title: string
  readonly lines: readonly Line[]
}

/** Told apart on both backgrounds, and by those who see colours differently. */
const COLOURS = ['#9a6700', '#cf5b8f', '#8250df', '#1f883d', '#0969da', '#bc4c00']
const PANEL = 240
const LEFT = 60

/** Rates over hours, on a logarithmic scale, one panel below the other. */
export function rates(title: string, note: string, panels: readonly Panel[], hours: number): string {
  const body = panels.flatMap((panel, index) => {
    const top = 62 + index * (PANEL + 90)
    const all = panel.lines.flatMap(line => line.rates)
    const most = Math.log10(Math.max(...all))
    const least = Math.max(0, Math.min(1.5, most - 2))
    const y = (rate: number): number =>
      top + PANEL * (1 - (Math.max(Math.log10(Math.max(rate, 1e-9)), least) - least) / (most - least))
    const x = (seconds: number): number => LEFT + ((WIDTH - LEFT - 10) * seconds) / (hours * 3_600)
    const decades = Array.from({ length: Math.floor(most) - Math.ceil(least) + 1 }, (_, step) => {
      const rate = 10 ** (Math.ceil(least) + step)
      return `<path class="grid" d="M${LEFT} ${y(rate).toFixed(1)}H${WIDTH - 10}"/><text x="${LEFT - 8}" y="${(y(rate) + 4).toFixed(1)}" text-anchor="end">${rate.toLocaleString('en')}</text>`
    })
    const ticks = Array.from(
      { length: hours + 1 },
      (_, hour) =>
        `<text x="${x(hour * 3_600).toFixed(1)}" y="${top + PANEL + 18}" text-anchor="middle">${hour} h</text>`,
    )
    let legend = LEFT
    const lines = panel.lines.flatMap(({ label, width, rates: values }, order) => {
      const colour = COLOURS[order % COLOURS.length]
      const points = values.map((rate, bin) => `${x((bin + 0.5) * width).toFixed(1)} ${y(rate).toFixed(1)}`)
      const from = legend
      legend += 22 + label.length * 7
      return [
        `<path class="line" stroke="${colour}" d="M${points.join('L')}"/>`,
        `<rect x="${from}" y="${top + PANEL + 30}" width="12" height="12" rx="2" fill="${colour}"/>`,
        `<text x="${from + 17}" y="${top + PANEL + 41}">${escaped(label)}</text>`,
      ]
    })
    return [`<text x="0" y="${top - 14}">${escaped(panel.title)}</text>`, ...decades, ...ticks, ...lines]
  })
  const height = 62 + panels.length * (PANEL + 90)
  return svg(height, title, [...body, `<text class="note" x="0" y="${height - 6}">${escaped(note)}</text>`])
}
