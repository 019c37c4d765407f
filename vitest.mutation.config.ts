import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// What Stryker runs against each mutant: the tests of the engine and of the HTTP entries, and no others, for speed.
const source = fileURLToPath(new URL('src', import.meta.url))
export default defineConfig({
  resolve: {
    alias: [
      { find: /^tokenflight$/, replacement: `${source}/index.ts` },
      { find: /^tokenflight\/(axios|fetch)$/, replacement: `${source}/$1.ts` },
    ],
  },
  test: {
    restoreMocks: true,
    unstubGlobals: true,
    unstubEnvs: true,
    include: ['test/{core,axios,fetch,tabs}/**/*.test.ts', 'test/robustness/headers.test.ts'],
    environment: 'node',
    // Two of them at once, and instrumented.
    testTimeout: 30_000,
    // Other tests kill nearly all that these kill, in a fraction of the time.
    env: { FC_RUNS: '30' },
  },
})
