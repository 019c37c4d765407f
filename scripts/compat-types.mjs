// @ts-check
// The types of the built package as a consumer of other versions of the peers sees them, with and without skipLibCheck.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const folder = process.argv[2] ?? '.'
const file = join(folder, 'consumer.mts')
writeFileSync(
  file,
  `import axios from 'axios'
import { type Auth, createAuth, type JwtClaims } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { mockAuth } from 'tokenflight/msw'
import { AuthProvider, useClaims } from 'tokenflight/react'
import { createAuthPlugin } from 'tokenflight/vue'
import { setupServer } from 'msw/node'
import { createElement } from 'react'
import { createSSRApp } from 'vue'

interface MyClaims extends JwtClaims { name: string }
export const auth = createAuth<MyClaims>({ refresh: async () => ({ access_token: 'opaque' }) })
export const general: Auth = auth
const api = axios.create({ baseURL: 'https://api.example' })
export const detach: () => void = attachAuth(api, auth, { skip: config => config.url === '/login' })
export const typed: typeof fetch = authFetch(auth, { allowedOrigins: ['https://api.example'] })
export const answer = api.get('/public', { skipAuth: true })
api.interceptors.request.use(config => ({ ...config, skipAuth: !!config.skipAuth }))
export const element = createElement(AuthProvider, { auth, children: null })
export const name = (): string | undefined => useClaims((claims: MyClaims) => claims.name)
createSSRApp({}).use(createAuthPlugin(auth))
setupServer(...mockAuth({ baseUrl: 'https://api.example/auth' }).handlers)
// @ts-expect-error it is a flag
api.get('/public', { skipAuth: 'yes' })
`,
)

/** @param {ts.CompilerOptions} options */
function check(options) {
  const program = ts.createProgram([file], {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    ...options,
  })
  return ts
    .getPreEmitDiagnostics(program)
    .filter(({ file: at }) => !at || at.fileName === file || /\/tokenflight\/dist\//.test(at.fileName))
    .map(({ file: at, code, messageText }) => ({
      code,
      text: `${at?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    }))
}

const { version } = JSON.parse(readFileSync(join(folder, 'node_modules/axios/package.json'), 'utf8'))
let failed = false
for (const [name, module, moduleResolution] of /** @type {const} */ ([
  ['node16', ts.ModuleKind.Node16, ts.ModuleResolutionKind.Node16],
  ['bundler', ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
])) {
  for (const skipLibCheck of [true, false]) {
    const wrong = check({ module, moduleResolution, skipLibCheck })
    failed ||= wrong.length > 0
    console.log(`${wrong.length ? '✗' : '✓'} types, ${name}, skipLibCheck: ${skipLibCheck}, axios ${version}`)
    for (const { code, text } of wrong) console.log(`    TS${code} ${text}`)
  }
}
process.exitCode = failed ? 1 : 0
