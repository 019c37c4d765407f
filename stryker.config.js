// The first half of `npm run test:mutation`: whether a test of the engine notices each change of it.
export default {
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  // Tests import the public entries through an alias, which hides what is related to what.
  vitest: { configFile: 'vitest.mutation.config.ts', related: false },
  mutate: ['src/core/**/*.ts', '!src/core/types.ts'],
  coverageAnalysis: 'perTest',
  // A mutant that runs while modules load needs every test; there is no state in modules that would be worth it.
  ignoreStatic: true,
  incremental: true,
  incrementalFile: 'node_modules/.cache/stryker-core.json',
  tempDirName: 'node_modules/.cache/stryker',
  ignorePatterns: ['.compat', 'bench', 'demo', 'dist', 'docs', 'reports'],
  concurrency: 4,
  timeoutMS: 10_000,
  timeoutFactor: 2,
  reporters: ['clear-text', 'html', 'progress'],
  htmlReporter: { fileName: 'reports/mutation-core.html' },
  clearTextReporter: { allowColor: false, logTests: false },
  thresholds: { high: 95, low: 90, break: 90 },
}
