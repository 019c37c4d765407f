// The second half of `npm run test:mutation`: what the axios and fetch entries share.
import base from './stryker.config.js'

process.env.MUTATE = 'http'

export default {
  ...base,
  mutate: ['src/http/**/*.ts'],
  incrementalFile: 'node_modules/.cache/stryker-http.json',
  htmlReporter: { fileName: 'reports/mutation-http.html' },
}
