// The second half of `npm run test:mutation`: the parts that the clients share, and the presets.
import base from './stryker.config.js'

process.env.MUTATE = 'http'

export default {
  ...base,
  mutate: ['src/{http,refresh}/**/*.ts'],
  incrementalFile: 'node_modules/.cache/stryker-http.json',
  htmlReporter: { fileName: 'reports/mutation-http.html' },
}
