import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

// Tests import the public specifiers. They mean src, or what users install: TOKENFLIGHT_TEST=dist or --mode dist.
const inTests = (path: string) => fileURLToPath(new URL(`test/${path}`, import.meta.url))
const aliases = (built: boolean) => {
  const target = fileURLToPath(new URL(built ? 'dist' : 'src', import.meta.url))
  const extension = built ? 'js' : 'ts'
  return [
    { find: /^tokenflight$/, replacement: `${target}/index.${extension}` },
    // Frameworks that the examples are for, and that are not installed.
    { find: /^(next\/headers|#imports)$/, replacement: inTests('docs/frameworks.ts') },
    {
      find: /^tokenflight\/(axios|fetch|react|vue|msw|dpop|devtools)$/,
      replacement: `${target}/$1.${extension}`,
    },
  ]
}

/** How many files with real tabs run beside each other. */
const workers = process.env.WORKERS ? Number(process.env.WORKERS) : undefined

export default defineConfig(({ mode }) => ({
  plugins: [vue()],
  resolve: { alias: aliases(mode === 'dist' || process.env.TOKENFLIGHT_TEST === 'dist') },
  test: {
    restoreMocks: true,
    unstubGlobals: true,
    unstubEnvs: true,
    // A busy machine takes its time: these end a test that hangs, and no test that is slow.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    setupFiles: [inTests('support/patience.ts')],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{test,examples}/**/*.test.{ts,tsx}'],
          exclude: [
            'test/browser/**',
            'test/load/**',
            'test/package/**',
            'test/servers/**',
            'test/slow/**',
            'examples/testing/playwright/**',
          ],
          environment: 'node',
        },
      },
      {
        // Counts bytes: nothing else runs beside it.
        extends: true,
        test: { name: 'load', include: ['test/load/**/*.test.ts'], fileParallelism: false },
      },
      {
        // Starts servers of Debian and of npm, and waits in real time.
        extends: true,
        test: { name: 'servers', include: ['test/servers/**/*.test.ts'] },
      },
      {
        // Reads dist: build first (npm run test:package does).
        extends: true,
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
        },
      },
      {
        // Plain Node driving browsers. Real tabs mostly wait, so two files run beside each other.
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts', 'examples/testing/playwright/*.test.ts'],
          maxWorkers: workers ?? 2,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        // Many rounds and long runs with real tabs: npm run test:slow.
        extends: true,
        test: {
          name: 'slow',
          include: ['test/slow/**/*.test.ts'],
          maxWorkers: workers ?? 1,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
}))
