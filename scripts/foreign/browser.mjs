// Runs the browser tests of axios in Chromium, and writes the Test Anything Protocol. Copied beside them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { findBrowser, launchArguments } from '../find-browser.mjs'

const { session, count } = JSON.parse(process.env.TOKENFLIGHT ?? '{}')
const tests = readdirSync('test/specs', { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.spec.js'))
  .sort()
  .map(name => `test/specs/${name}`)
const files = ['test/specs/__helpers.js', ...(session ? ['tokenflight/page.mjs'] : []), ...tests]
const bundle = await build({
  stdin: { contents: files.map(file => `import './${file}'`).join('\n'), resolveDir: process.cwd() },
  // Modules of Node.
  alias: { assert: './tokenflight/builtin.cjs', crypto: './tokenflight/builtin.cjs' },
  ...{ bundle: true, write: false, platform: 'browser', format: 'iife', ignoreAnnotations: true },
})
const boot = `
  window.SESSION = ${JSON.stringify(session)}
  window.jasmine = jasmineRequire.core(jasmineRequire)
  const env = jasmine.getEnv()
  Object.assign(window, jasmineRequire.interface(jasmine, env))
  env.randomizeTests(false)
  let number = 0
  env.addReporter({
    specDone({ fullName, status, failedExpectations }) {
      number += 1
      const skipped = status === 'pending' || status === 'disabled' ? ' # SKIP' : ''
      console.log((status === 'failed' ? 'not ok ' : 'ok ') + number + ' - ' + fullName + skipped)
      for (const { message } of failedExpectations) console.log('  ' + message)
    },
    jasmineDone: () => console.log('# done'),
  })`
const library = name => readFileSync(`node_modules/${name}`, 'utf8')
const scripts = [
  library('jasmine-core/lib/jasmine-core/jasmine.js'),
  boot,
  library('jasmine-ajax/lib/mock-ajax.js'),
  library('sinon/pkg/sinon.js'),
  bundle.outputFiles[0].text,
  'Promise.resolve(window.ready).then(() => env.execute())',
]
const server = createServer(({ url }, answer) => {
  const script = scripts[url.slice(1)]
  if (script) answer.writeHead(200, { 'Content-Type': 'text/javascript; charset=utf-8' }).end(script)
  else if (url !== '/') answer.writeHead(404).end()
  else {
    answer.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
    answer.end(`<!doctype html>${scripts.map((_, index) => `<script src="/${index}"></script>`).join('')}`)
  }
}).listen(0, '127.0.0.1')
const browser = await chromium.launch({ executablePath: findBrowser(), args: launchArguments })
const page = await browser.newPage()
const done = new Promise(resolve => {
  page.on('console', message => {
    const text = message.text()
    console.log(text)
    const [, carried] = /^# carried (\d+)/.exec(text) ?? []
    if (carried) writeFileSync(count, '.'.repeat(Number(carried)))
    if (text === '# done') resolve()
  })
})
await page.goto(`http://127.0.0.1:${server.address().port}/`)
await done
await browser.close()
server.close()
