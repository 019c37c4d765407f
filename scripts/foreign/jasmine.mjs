// Runs the specs of a project and writes the Test Anything Protocol. Copied beside them.
import Jasmine from 'jasmine'

const runner = new Jasmine()
let count = 0
runner.clearReporters()
runner.addReporter({
  specDone({ fullName, status, failedExpectations }) {
    count += 1
    const skipped = status === 'pending' || status === 'excluded' ? ' # SKIP' : ''
    console.log(`${status === 'failed' ? 'not ok' : 'ok'} ${count} - ${fullName}${skipped}`)
    for (const { message } of failedExpectations) console.log(`  ${message.replaceAll('\n', '\n  ')}`)
  },
})
await runner.loadConfigFile('spec/support/jasmine.json')
await runner.execute()
