// @ts-check
// `node scripts/draw-diagrams.mjs`: draws the diagrams of the README into docs/images. Each brings its own ground and
// its own dark colours, so that it can be read wherever it is shown.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const WIDTH = 960

const style = `
    .ground { fill: #ffffff; stroke: #d0d7de }
    text { font: 14px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
    .title { font-weight: 600; font-size: 16px }
    .small { font-size: 13px; fill: #59636e }
    .box { fill: #f6f8fa; stroke: #818b98; stroke-width: 1.5 }
    .fresh { fill: #1a7f37 } .ageing { fill: #9a6700 } .dead { fill: #6e7781 }
    .on { fill: #ffffff; font-weight: 600 }
    .sent { fill: #0969da } .refused { fill: #cf222e } .refresh { fill: #8250df }
    .wait { fill: none; stroke: #818b98; stroke-width: 1.5; stroke-dasharray: 4 3 }
    .line { fill: none; stroke: #59636e; stroke-width: 1.5 }
    .lane { stroke: #d0d7de }
    .mark { stroke: #59636e; stroke-dasharray: 2 4 }
    .tip { fill: #59636e }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117; stroke: #3d444d }
      text { fill: #f0f6fc }
      .small { fill: #9198a1 }
      .box { fill: #151b23; stroke: #656c76 }
      .fresh { fill: #238636 } .ageing { fill: #9e6a03 } .dead { fill: #656c76 }
      .sent { fill: #388bfd } .refused { fill: #f85149 } .refresh { fill: #a371f7 }
      .wait { stroke: #9198a1 }
      .line { stroke: #9198a1 }
      .lane { stroke: #3d444d }
      .mark { stroke: #9198a1 }
      .tip { fill: #9198a1 }
    }`

/**
 * @param {{ title: string, description: string, height: number, parts: string[] }} picture
 */
function draw({ title, description, height, parts }) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title description">
  <title id="title">${title}</title>
  <desc id="description">${description}</desc>
  <style>${style}
  </style>
  <defs>
    <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse">
      <path class="tip" d="M0 0 8 4 0 8z"/>
    </marker>
  </defs>
  <rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="10"/>
  ${parts.join('\n  ')}
</svg>
`
}

/** @type {(x: number, y: number, text: string, kind?: string, anchor?: string) => string} */
const label = (x, y, text, kind = 'small', anchor = 'middle') =>
  `<text class="${kind}" x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`

/** @type {(x: number, y: number, width: number, height: number, kind: string) => string} */
const rect = (x, y, width, height, kind) =>
  `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${Math.min(8, height / 2)}"/>`

/** @type {(path: string) => string} */
const arrow = path => `<path class="line" d="${path}" marker-end="url(#tip)"/>`

/** @type {(x: number, y: number, text: string) => string} */
const state = (x, y, text) => rect(x, y, 150, 56, 'box') + label(x + 75, y + 34, text, 'title')

export function drawStates() {
  /** @type {(x: number, name: string, first: string, second?: string) => string} */
  const token = (x, name, first, second = '') =>
    rect(x, 142, 104, 36, name) +
    label(x + 52, 165, name, 'on') +
    label(x + 52, 198, first) +
    label(x + 52, 215, second)
  return draw({
    title: 'The states of a session',
    description:
      'From loading a session becomes authenticated, anonymous or expired. A login leads to authenticated, a logout to anonymous, a refused refresh to expired. Within authenticated a token is fresh, then ageing, then dead, and a refresh makes it fresh again; a network failure changes nothing.',
    height: 420,
    parts: [
      state(30, 66, 'loading'),
      state(30, 290, 'anonymous'),
      state(796, 178, 'expired'),
      rect(276, 66, 388, 280, 'box'),
      label(470, 96, 'authenticated', 'title'),
      label(470, 128, 'the access token'),
      token(294, 'fresh', 'a request is', 'sent at once'),
      token(418, 'ageing', 'sent at once, a', 'refresh behind it'),
      token(542, 'dead', 'it waits for', 'the refresh'),
      arrow('M398 160 H417'),
      arrow('M522 160 H541'),
      '<path class="line" d="M470 226 V250"/>',
      arrow('M594 226 V250 H346 V226'),
      label(470, 270, 'one refresh, for all clients and tabs'),
      label(470, 306, 'network or auth server down: the session stays,'),
      label(470, 323, 'the state has an error, the refresh is tried again'),
      arrow('M180 94 H276'),
      label(228, 84, 'restored'),
      arrow('M105 122 V290'),
      label(115, 210, 'no user is', 'small', 'start'),
      label(115, 227, 'logged in', 'small', 'start'),
      arrow('M180 306 H276'),
      label(228, 297, 'login()'),
      arrow('M276 330 H180'),
      label(228, 347, 'logout()'),
      arrow('M664 192 H796'),
      label(730, 166, 'refresh refused,'),
      label(730, 183, 'or its token over'),
      arrow('M796 220 H664'),
      label(730, 238, 'login()'),
      arrow('M105 66 V30 H871 V178'),
      label(485, 22, 'a stored session that is over'),
      arrow('M871 234 V386 H105 V346'),
      label(485, 404, 'logout()'),
    ],
  })
}

export function drawTimeline() {
  const lanes = { token: 74, first: 136, second: 192, tab: 248, server: 304 }
  /** @type {(x: number, width: number, y: number, kind: string, text?: string) => string} */
  const bar = (x, width, y, kind, text = '') =>
    rect(x, y - 9, width, 18, kind) + (text && label(x + width / 2, y + 5, text, 'on'))
  /** A request that is refused, waits, and is sent again. @type {(x: number, y: number) => string} */
  const replayed = (x, y) =>
    bar(x, 34, y, 'sent') +
    bar(x + 30, 10, y, 'refused') +
    bar(x + 42, 536 - x - 42, y, 'wait') +
    bar(538, 40, y, 'sent')
  const names = Object.entries({
    token: 'access token',
    first: 'a request',
    second: 'another one',
    tab: 'in another tab',
    server: 'auth server',
  })
  return draw({
    title: 'Three refreshes that users do not notice',
    description:
      'An ageing token is refreshed behind a request that leaves at once. Three requests of two tabs that the server refuses wait for one refresh and are sent again. After sleep a request waits for a refresh and is sent once.',
    height: 400,
    parts: [
      ...names.map(([name, text]) => {
        const y = lanes[/** @type {keyof typeof lanes} */ (name)]
        return `${label(20, y + 5, text, 'small', 'start')}<path class="lane" d="M120 ${y} H940"/>`
      }),
      // The tokens.
      bar(130, 96, lanes.token, 'fresh', 'fresh'),
      bar(226, 74, lanes.token, 'ageing', 'ageing'),
      bar(302, 90, lanes.token, 'fresh', 'fresh'),
      bar(394, 140, lanes.token, 'dead', 'revoked'),
      bar(536, 84, lanes.token, 'fresh', 'fresh'),
      bar(622, 60, lanes.token, 'ageing', 'ageing'),
      bar(684, 136, lanes.token, 'dead', 'dead'),
      bar(822, 110, lanes.token, 'fresh', 'fresh'),
      // Ahead of its end.
      bar(150, 40, lanes.first, 'sent'),
      bar(244, 40, lanes.first, 'sent'),
      bar(262, 38, lanes.second, 'sent'),
      bar(244, 56, lanes.server, 'refresh'),
      '<path class="mark" d="M301 60 V316"/>',
      label(228, 346, 'ageing: no request waits'),
      // Revoked by the server.
      replayed(398, lanes.first),
      replayed(412, lanes.second),
      replayed(430, lanes.tab),
      bar(450, 84, lanes.server, 'refresh'),
      '<path class="mark" d="M535 60 V316"/>',
      label(482, 346, 'refused: one refresh, each sent again'),
      // After sleep.
      label(714, 112, 'the laptop sleeps'),
      bar(760, 60, lanes.first, 'wait'),
      bar(822, 40, lanes.first, 'sent'),
      bar(760, 60, lanes.server, 'refresh'),
      '<path class="mark" d="M821 60 V316"/>',
      label(800, 346, 'dead: it waits, and is sent once'),
      // The key.
      bar(236, 34, 376, 'sent'),
      label(278, 381, 'on the wire', 'small', 'start'),
      bar(386, 10, 376, 'refused'),
      label(404, 381, '401', 'small', 'start'),
      bar(466, 34, 376, 'wait'),
      label(508, 381, 'waits', 'small', 'start'),
      bar(576, 34, 376, 'refresh'),
      label(618, 381, 'a refresh', 'small', 'start'),
      label(480, 34, 'Three refreshes that users do not notice', 'title'),
    ],
  })
}

/** @type {Record<string, () => string>} */
export const pictures = { 'states.svg': drawStates, 'refreshes.svg': drawTimeline }

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, picture] of Object.entries(pictures)) {
    writeFileSync(fileURLToPath(new URL(`../docs/images/${name}`, import.meta.url)), picture())
    console.log(`docs/images/${name}`)
  }
}
