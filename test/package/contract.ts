/** The public surface: the exports of each import path, and the one package that it may import. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Entry {
  exports: string[]
  imports: string[]
  /** The packages that the CommonJS form requires, where a package has no such form of its own. */
  requires?: string[]
}

export const contract: Record<string, Entry> = {
  '.': {
    exports: [
      ...['challengeOf', 'createAuth', 'decodeToken', 'isAuthError', 'isSessionExpired', 'spread'],
      ...['collectTokens', 'oauth2Refresh', 'oauth2Revoke', 'refreshRequest', 'serverRenewal'],
      ...['cookieSession', 'indexedDBStorage', 'memoryStorage', 'sharedStorage', 'webStorage'],
      ...['AuthError', 'RefreshFailedError', 'SessionExpiredError', 'SignedOutError'],
    ],
    imports: ['jwt-decode'],
  },
  './axios': { exports: ['attachAuth'], imports: ['axios'] },
  './fetch': { exports: ['authFetch'], imports: [] },
  './react': {
    exports: ['AuthDevtools', 'AuthProvider', 'useAuth', 'useClaims'],
    imports: ['react', 'tokenflight/devtools'],
  },
  './vue': {
    exports: ['AuthDevtools', 'createAuthPlugin', 'useAuth', 'useClaims'],
    imports: ['vue', 'tokenflight/devtools'],
  },
  './msw': { exports: ['mockAuth'], imports: ['msw'] },
  './dpop': { exports: ['dpop'], imports: ['dpop'], requires: [] },
  './devtools': { exports: ['mountDevtools'], imports: [] },
}

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Manifest {
  version: string
  engines: { node: string }
  scripts: Record<string, string>
  exports: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  peerDependencies: Record<string, string>
  peerDependenciesMeta: Record<string, { optional: boolean }>
}

export const manifest: Manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))

/** Import paths that package.json publishes, `./package.json` aside. */
export const published: string[] = Object.keys(manifest.exports).filter(path => path !== './package.json')

/** `.` is dist/index, `./axios` is dist/axios. */
export const fileName = (path: string): string => (path === '.' ? 'index' : path.slice(2))

/** The import path: `tokenflight`, `tokenflight/axios`. */
export const specifier = (path: string): string => `tokenflight${path.slice(1)}`

/** In an order of its own, to compare lists as sets. */
export const byName = (names: Iterable<string>): string[] => [...names].sort()
