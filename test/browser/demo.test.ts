import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { burst, drawn, expectDrawn, logIn, total, useDemo, waitForStatus } from './demo-page.js'

const demo = useDemo()

describe('the demo page', () => {
  it('logs in, keeps requests going over the end of a token, and asks for one new login', async () => {
    const { page, server } = demo
    const { backend } = server
    await waitForStatus(page, 'anonymous')
    await logIn(page)
    expect(backend.stats.logins).toBe(1)

    await burst(page, 1)
    await page.locator('#expire').click()
    await expectDrawn(page, '.mark.control[data-title="Access tokens expired"]', 1)
    await burst(page, 50)
    expect(backend.stats).toMatchObject({ refreshes: 1, unauthorized: 50 })
    // The login is a request, too.
    expect(await total(page, 'answered')).toBe(52)
    expect(await total(page, 'seen')).toBe(0)
    await drawn(page, '.mark.refresh[data-outcome="done"]')

    await page.locator('#revoke').click()
    await page.locator('#expire').click()
    await burst(page, 10)
    await waitForStatus(page, 'expired')
    await expectDrawn(page, '.mark.event[data-title="Session expired"]', 1)
    expect(backend.stats).toMatchObject({ refreshes: 1, rejected: 1 })

    await logIn(page)
    await burst(page, 10)
    expect(backend.stats).toMatchObject({ logins: 2, unauthorized: 60 })
    expect(await total(page, 'answered')).toBe(63)
    // Those that were told that the session is over.
    expect(await total(page, 'failed')).toBe(10)
  })

  it('shows a token that is refreshed ahead, with no 401 and no wait', async () => {
    const { page, server } = demo
    server.backend.configure({ accessTokenLifetime: 8000 })
    await logIn(page)
    await page.locator('#steady').check()
    await expect.poll(() => server.backend.stats.refreshes).toBeGreaterThanOrEqual(1)
    await page.locator('#steady').uncheck()
    expect(server.backend.stats.unauthorized).toBe(0)
    await drawn(page, '.mark.token[data-token="access"] [data-part="window"]')
    await expectDrawn(page, '.mark.request [data-part="wait"]', 0)
  })

  it('tells of a wrong password without a session coming into being', async () => {
    const { page, server } = demo
    await page.getByLabel('Password').fill('byron')
    await page.getByRole('button', { name: 'Log in' }).click()
    await expect.poll(() => page.locator('#login-problem').textContent()).toContain('wrong')
    expect(server.backend.stats.logins).toBe(0)
  })
})

describe('npm run demo -- --headless', () => {
  it('tells the story, counts, and ends with 1 only when a request was lost', async () => {
    const [well, badly] = await Promise.all([runHeadless(), runHeadless('--fail-refreshes', '9')])
    expect(well.output).toMatch(/\n *requests sent +(\d+)\n *answered +\1\n *lost +0\n/)
    expect(well.output).toMatch(/401s seen by the application +0\n/)
    expect(well.output).toMatch(/asked to log in again +1\n/)
    expect(well.output).toMatch(/refreshed \(ahead\)/)
    expect(well.code).toBe(0)
    expect(badly.output).toMatch(/\n *lost +[1-9]\d*\n/)
    expect(badly.code).toBe(1)
  })

  it('refuses an option that it does not have', async () => {
    expect(await runHeadless('--nonsense')).toMatchObject({ code: 2 })
  })
})

function runHeadless(...options: string[]): Promise<{ code: number; output: string }> {
  const script = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url))
  return new Promise(resolve => {
    const child = execFile(
      process.execPath,
      [script, '--headless', ...options],
      { timeout: 240_000 },
      (_error, output) => resolve({ code: child.exitCode ?? -1, output }),
    )
  })
}
