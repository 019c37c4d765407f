// The first half of `npm run test:mutation`: whether a test notices each change of the engine. A mutant that no test should
// kill is silenced beside the code: `// Stryker disable next-line <mutator>: reason`.
export default {
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  // Tests import the public entries through an alias, so Stryker cannot see which tests belong to which file.
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  mutate: ['src/{core,shared}/**/*.ts', '!src/core/{types,state}.ts'],
  coverageAnalysis: 'perTest',
  // A mutant that runs while modules load needs every test, and modules hold no state.
  ignoreStatic: true,
  incremental: true,
  incrementalFile: 'node_modules/.cache/stryker-engine.json',
  // Below node_modules the compiler options would not be found.
  tempDirName: 'reports/stryker',
  ignorePatterns: ['.compat', 'bench', 'demo', 'dist', 'docs', 'reports'],
  concurrency: 4,
  timeoutMS: 10_000,
  timeoutFactor: 2,
  reporters: ['clear-text', 'html', 'progress'],
  htmlReporter: { fileName: 'reports/mutation-engine.html' },
  clearTextReporter: { allowColor: false, logTests: false },
  thresholds: { high: 95, low: 90, break: 90 },
}
