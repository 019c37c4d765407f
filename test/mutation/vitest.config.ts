import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// The tests that Stryker runs against each mutant: those of its own part and no others, for speed. A mutant of the engine
// that only the tests of the clients would kill counts as alive, because the engine has promises of its own.
const source = fileURLToPath(new URL('../../src', import.meta.url))
const isHttp = process.env.MUTATE === 'http'
export default defineConfig({
  resolve: {
    alias: [
      { find: /^tokenflight$/, replacement: `${source}/index.ts` },
      { find: /^tokenflight\/(axios|fetch|msw|dpop)$/, replacement: `${source}/$1.ts` },
    ],
  },
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    restoreMocks: true,
    unstubGlobals: true,
    unstubEnvs: true,
    include: isHttp
      ? [
          'test/{axios,fetch,http}/**/*.test.ts',
          'test/robustness/headers.test.ts',
          'test/core/{oauth2,refresh-request,preset-session,sources,read,failure,failure-table}.test.ts',
          'test/core/{options,option-names,cookie-access,departure}.test.ts',
          'test/{dpop,server-styles}/*.test.ts',
        ]
      : [
          'test/mutation/engine.ts',
          'test/core/{errors,schedule,prerendering,remember,waking-page}.test.ts',
          'test/core/{cookie-page,leaving-page,logout-cookie,logout-lasts,logout-late-token}.test.ts',
        ],
    environment: 'node',
    // Several at once, and instrumented: a test that hangs has noticed a mutant.
    testTimeout: 5_000,
    env: { FC_RUNS: '30' },
  },
})
