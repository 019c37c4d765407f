/** The size that an import adds to a bundle: minified, then brotli, as it travels. */
import { brotliCompressSync } from 'node:zlib'
import { build } from 'esbuild'

const CORE = `export { attachAuth } from '../src/axios.ts'
export { createAuth } from '../src/index.ts'
`
const SHAPES: Record<string, string> = {
  'core + axios + memory': CORE,
  'core + axios + webStorage': `${CORE}export { webStorage } from '../src/index.ts'`,
  'core + axios + indexedDBStorage': `${CORE}export { indexedDBStorage } from '../src/index.ts'`,
  'core + axios + webStorage + refreshRequest': `${CORE}
    export { webStorage, refreshRequest } from '../src/index.ts'`,
  'core + axios + webStorage + fetch': `${CORE}
    export { webStorage } from '../src/index.ts'
    export { authFetch } from '../src/fetch.ts'`,
  'core alone': "export { createAuth } from '../src/index.ts'",
  'fetch alone': "export { authFetch } from '../src/fetch.ts'",
  react: "export { AuthProvider, useAuth, useClaims } from '../src/react.ts'",
  vue: "export { createAuthPlugin, useAuth, useClaims } from '../src/vue.ts'",
  'an unused import': "import { createAuth } from '../src/index.ts'",
}

/** The import that an application would write. */
const PEERS: Record<string, string> = {
  'axios-auth-refresh': "export { createAuthRefresh } from 'axios-auth-refresh'",
  'axios-jwt': "export { applyAuthTokenInterceptor, setAuthTokens } from 'axios-jwt'",
  '@badgateway/oauth2-client': "export { OAuth2Client, OAuth2Fetch } from '@badgateway/oauth2-client'",
  'oidc-client-ts': "export { UserManager } from 'oidc-client-ts'",
  'keycloak-js': "export { default } from 'keycloak-js'",
  '@auth0/auth0-spa-js': "export { createAuth0Client } from '@auth0/auth0-spa-js'",
  '@supabase/auth-js': "export { AuthClient } from '@supabase/auth-js'",
  '@okta/okta-auth-js': "export { OktaAuth } from '@okta/okta-auth-js'",
  '@azure/msal-browser': "export { PublicClientApplication } from '@azure/msal-browser'",
}

async function measure(contents: string): Promise<{ minified: number; brotli: number }> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2020',
    external: ['axios', 'react', 'vue', 'msw', 'crypto'],
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
    legalComments: 'none',
    logLevel: 'error',
  })
  const code = outputFiles[0]?.contents ?? new Uint8Array()
  return { minified: code.length, brotli: code.length === 0 ? 0 : brotliCompressSync(code).length }
}

async function measureAll(imports: Record<string, string>) {
  const results: Record<string, { minified: number; brotli: number } | { failed: string }> = {}
  for (const [name, contents] of Object.entries(imports)) {
    results[name] = await measure(contents).catch((error: Error) => ({
      failed: error.message.split('\n')[0] ?? '',
    }))
  }
  return results
}

process.stdout.write(
  JSON.stringify({ tokenflight: await measureAll(SHAPES), peers: await measureAll(PEERS) }),
)
