// @ts-check
// The suites of other projects: where they are, and how they run.

/**
 * @typedef {object} Suite
 * @property {string} repository its owner and its name on GitHub
 * @property {string} commit
 * @property {Record<string, string>} packages the imports of the tests
 * @property {string[]} command a script for Node, and its parameters; it writes the Test Anything Protocol
 * @property {string} [files] the ending of the files of `test` that the command gets, where it does not find them itself
 * @property {'axios' | 'fetch' | 'page'} client `page`: axios in a page, which the command attaches itself
 * @property {string[]} [origins] the servers of the tests
 * @property {'require'} [system] how the tests load axios, where it is not `import`
 */

const axios = '1.21.1'
const tsx = '4.23.15'

/** @type {Record<string, Suite>} */
export const suites = {
  axios: {
    repository: 'axios/axios',
    commit: '23a25af0688d1db2c396deb09229d2271cc24f6c',
    packages: {
      'abortcontroller-polyfill': '1.7.8',
      'body-parser': '1.20.3',
      'dev-null': '0.1.1',
      express: '4.22.3',
      'formdata-node': '5.0.1',
      formidable: '2.1.5',
      'get-stream': '3.0.0',
      mocha: '10.8.2',
      multer: '1.4.4',
      'stream-throttle': '0.1.3',
    },
    command: [
      'node_modules/mocha/bin/mocha.js',
      'test/unit/**/*.js',
      '--timeout',
      '30000',
      '--exit',
      '--reporter',
      'tap',
    ],
    client: 'axios',
    origins: ['http://localhost:4444', 'http://127.0.0.1:4444'],
  },
  'axios-browser': {
    repository: 'axios/axios',
    commit: '23a25af0688d1db2c396deb09229d2271cc24f6c',
    packages: {
      'abortcontroller-polyfill': '1.7.8',
      'jasmine-ajax': '3.4.0',
      'jasmine-core': '2.99.1',
      sinon: '4.5.0',
    },
    command: ['tokenflight/browser.mjs'],
    client: 'page',
  },
  'axios-retry': {
    repository: 'softonic/axios-retry',
    commit: 'dd9b700dfbe51ba2962e70e7822734e3e74613c8',
    packages: { axios, jasmine: '5.13.0', nock: '13.5.6', tsx },
    command: ['node_modules/tsx/dist/cli.mjs', 'tokenflight/jasmine.mjs'],
    client: 'axios',
    system: 'require',
    origins: ['http://example.com'],
  },
  'axios-mock-adapter': {
    repository: 'ctimmerm/axios-mock-adapter',
    commit: '1b58f0f83bd404801db8813c9f2435df6e4fa8e8',
    packages: { axios, chai: '4.5.0', mocha: '10.8.2' },
    command: ['node_modules/mocha/bin/mocha.js', '--reporter', 'tap'],
    client: 'axios',
    system: 'require',
  },
  'axios-cache-interceptor': {
    repository: 'arthurfiorette/axios-cache-interceptor',
    commit: '7e35a03a5ab83d8a35c53cf1bab04c18199c8f14',
    packages: { axios, jsdom: '26.1.0', tsx },
    command: [
      'node_modules/tsx/dist/cli.mjs',
      '--import',
      './test/setup.ts',
      '--test',
      '--test-reporter',
      'tap',
    ],
    // Node 20 reads no patterns.
    files: '.test.ts',
    client: 'axios',
  },
  ky: {
    repository: 'sindresorhus/ky',
    commit: '3419113b48e034fdcf8fa6bd3be3da7b3d0d758f',
    packages: {
      ava: '6.4.1',
      busboy: '1.6.0',
      'expect-type': '1.4.0',
      express: '5.3.0',
      'jest-leak-detector': '30.5.1',
      // Imported by a helper; no browser starts.
      playwright: '1.65.1',
      tsx,
    },
    // One after the other, since many of them measure times.
    command: [
      'node_modules/ava/entrypoints/cli.mjs',
      '--tap',
      '--serial',
      'test/*.ts',
      '!test/{browser,with-page}.ts',
    ],
    client: 'fetch',
  },
  ofetch: {
    repository: 'unjs/ofetch',
    commit: 'dfbe3ca4ef8a22fc023fca5a5ef530e525f5e523',
    packages: { h3: '2.0.1-rc.5', undici: '7.30.2', vite: '8.3.8', vitest: '4.1.12' },
    command: ['node_modules/vitest/vitest.mjs', 'run', '--reporter', 'tap-flat'],
    client: 'fetch',
  },
}
