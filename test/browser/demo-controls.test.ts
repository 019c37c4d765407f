import { describe, expect, it } from 'vitest'
import { burst, drawn, expectDrawn, logIn, total, useDemo, waitForStatus } from './demo-page.js'

const demo = useDemo()
const refreshes = () => demo.server.log.since(0).filter(entry => entry.path === '/auth/refresh')
const control = (title: string) => drawn(demo.page, `.mark-control[data-title="${title}"]`)

/** The token is no good any more, and the page knows nothing of it yet. */
async function expire(): Promise<void> {
  await demo.page.locator('#expire').click()
  await control('Access tokens expired')
}

describe('the controls of requests and tokens', () => {
  it('send 1, 10 and 100, and draw each of them', async () => {
    const { page, server } = demo
    await logIn(page)
    for (const size of [1, 10, 100] as const) await burst(page, size)
    expect(server.log.since(0).filter(entry => entry.path === '/api/orders')).toHaveLength(111)
    await expectDrawn(page, '.mark-request[data-outcome="answered"]', 111)
    await expectDrawn(page, '.mark-control[data-title="100 requests at once"]', 1)
    await expect
      .poll(() => page.locator('#last-burst').textContent())
      .toBe('100 of 100 requests answered, 0 refreshes')
  })

  it('send from each panel, with a lane and a client of its own', async () => {
    const { page, server } = demo
    await logIn(page)
    for (const [name, panel] of [
      ['axios', 'axios'],
      ['React', 'react'],
      ['fetch', 'vue'],
    ] as const) {
      await page.getByRole('button', { name: `Send with ${name}` }).click()
      await drawn(page, `.mark-request[data-lane="t1.${panel}"][data-outcome="answered"]`)
      await expect
        .poll(() => page.locator(`#panel-${panel} [data-field="last"]`).textContent())
        .toMatch(/^200 in/)
      expect(server.log.since(0).at(-1)?.client).toMatch(new RegExp(`^t1\\.${panel}\\.`))
    }
    await expire()
    await burst(page, 10)
    // A refresh brought new claims, and the name in them is the same.
    for (const panel of ['react', 'vue']) {
      expect(await page.locator(`#panel-${panel} [data-field="user"]`).textContent()).toBe('Ada Lovelace')
      expect(await page.locator(`#panel-${panel} [data-field="renders"]`).textContent()).toBe('2')
    }
  })

  it('change how long tokens live, and show it with the next ones, however slow the storage is', async () => {
    const { page, server } = demo
    await logIn(page)
    await page.evaluate(() => {
      const { setItem } = Storage.prototype
      Storage.prototype.setItem = function (...item) {
        const end = performance.now() + 800
        while (performance.now() < end);
        setItem.apply(this, item)
      }
    })
    await page.locator('#access-lifetime').selectOption('30000')
    await expect.poll(() => server.backend.stats.refreshes).toBe(1)
    await drawn(page, '.mark-token[data-token="access"][aria-label*="(30 s)"] [data-part="window"]')
    await page.locator('#refresh-lifetime').selectOption('20000')
    await expect.poll(() => server.backend.stats.refreshes).toBe(2)
    await drawn(page, '.mark-token[data-token="refresh"][aria-label*="(20 s)"]')
    expect(server.backend.settings).toMatchObject({
      accessTokenLifetime: 30_000,
      refreshTokenLifetime: 20_000,
    })
  })

  it('expire: the 401s, the wait, one refresh and the replays are drawn, and the band ends', async () => {
    const { page, server } = demo
    await logIn(page)
    await expire()
    await burst(page, 10)
    await expectDrawn(page, '.mark-request [data-part="attempt"][data-status="401"]', 10)
    await expectDrawn(page, '.mark-request [data-part="replay"][data-status="200"]', 10)
    await expectDrawn(page, '.mark-call[data-call="refresh"][data-status="200"]', 1)
    await expectDrawn(page, '.mark-token[data-cut="Access tokens expired"]', 1)
    expect(server.backend.stats).toMatchObject({ refreshes: 1, unauthorized: 10 })
  })

  it('revoke: the session ends once, and its bands with it', async () => {
    const { page, server } = demo
    await logIn(page)
    await page.locator('#revoke').click()
    await control('Refresh tokens revoked')
    await expire()
    await burst(page, 10)
    await waitForStatus(page, 'expired')
    await expectDrawn(page, '.mark-request[data-outcome="signedOut"] [data-part="cap"]', 10)
    await expectDrawn(page, '.mark-event[data-title="Session expired"][data-bad="true"]', 1)
    expect(server.backend.stats.rejected).toBe(1)
    expect(await total(page, 'lost')).toBe(0)
  })
})

describe('the controls of the auth server', () => {
  it('fail the next refreshes, with a status or a broken connection', async () => {
    const { page, server } = demo
    await logIn(page)
    for (const [kind, status, failures] of [
      ['503', 503, 1],
      ['network', 0, 2],
    ] as const) {
      await page.locator('#fail-kind').selectOption(kind)
      await page.locator('#fail').click()
      await expectDrawn(page, '.mark-control[data-title="The next 1 refresh fails"]', failures)
      await page.locator('#expire').click()
      await expectDrawn(page, '.mark-control[data-title="Access tokens expired"]', failures)
      await burst(page, 10)
      await drawn(page, `.mark-call[data-call="refresh"][data-status="${status}"] [data-part="failed"]`)
      expect(server.backend.stats).toMatchObject({ failures, refreshes: failures })
    }
    expect(await total(page, 'answered')).toBe(20)
  })

  it('slow it down: the wait is drawn while the refresh takes its time', async () => {
    const { page } = demo
    await logIn(page)
    await page.locator('#slow').check()
    await control('Slow server')
    await expire()
    await burst(page, 1)
    await expectDrawn(page, '.mark-request [data-part="wait"]', 1)
    expect(refreshes()[0]?.duration).toBeGreaterThan(1900)
  })

  it('turn rotation and reuse detection off', async () => {
    const { page, server } = demo
    await logIn(page)
    await page.locator('#rotation').uncheck()
    await page.locator('#reuse').uncheck()
    await expect.poll(() => server.backend.settings).toMatchObject({ rotation: false, reuseDetection: false })
    for (const times of [1, 2]) {
      await page.locator('#expire').click()
      await expectDrawn(page, '.mark-control[data-title="Access tokens expired"]', times)
      await burst(page, 1)
    }
    const [first, second] = refreshes()
    expect(second?.refreshTokenId).toBe(first?.refreshTokenId)
    await page.locator('#rotation').check()
    await expect.poll(() => server.backend.settings.rotation).toBe(true)
  })

  it('keep the refresh token in a cookie, out of reach of scripts, over a reload too', async () => {
    const { page, server } = demo
    await logIn(page)
    await page.locator('#cookie').check()
    await waitForStatus(page, 'anonymous')
    await expect.poll(() => server.backend.settings).toMatchObject({ transport: 'cookie', csrf: true })
    await logIn(page)
    await expire()
    await burst(page, 10)
    expect(server.backend.stats).toMatchObject({ refreshes: 1, unauthorized: 10 })
    expect(await page.evaluate(() => document.cookie)).not.toContain('refresh=')
    const cookies = await page.context().cookies(`${server.url}/auth`)
    expect(cookies.find(({ name }) => name === 'refresh')).toMatchObject({ httpOnly: true })
    const withoutEcho = await page.evaluate(async () =>
      (await fetch('/auth/refresh', { method: 'POST' })).json(),
    )
    expect(withoutEcho).toMatchObject({ error: 'csrf_mismatch' })
    // The first was the restore that found nobody, when the switch was turned.
    expect(server.backend.stats).toMatchObject({ refreshes: 1, rejected: 2 })
    await page.reload()
    await waitForStatus(page, 'authenticated')
    expect(await page.locator('#cookie').isChecked()).toBe(true)
  })
})

describe('the controls of the device', () => {
  it('go offline: what needs the network fails on the page, and being online again mends it', async () => {
    const { page, server } = demo
    await logIn(page)
    await expire()
    await page.locator('#offline').check()
    const before = server.backend.stats.requests
    await burst(page, 1)
    await drawn(page, '.mark-request[data-outcome="lost"] [data-part="unsent"]')
    expect(server.backend.stats.requests).toBe(before)
    expect(await page.evaluate(() => navigator.onLine)).toBe(false)
    await page.locator('#offline').uncheck()
    await burst(page, 10)
    expect(await total(page, 'answered')).toBe(10)
    expect(server.backend.stats.refreshes).toBe(1)
  })

  it('set the clock wrong: a login under it is as good, and setting it back costs nothing', async () => {
    const { page, server } = demo
    for (const name of ['1 h fast', '1 h slow']) {
      await page.getByRole('radio', { name }).check()
      await control(`This device's clock is ${name}`)
      await logIn(page)
      await burst(page, 10)
      await page.getByRole('button', { name: 'Log out' }).click()
      await waitForStatus(page, 'anonymous')
    }
    await page.getByRole('radio', { name: 'right' }).check()
    await logIn(page)
    await page.getByRole('radio', { name: '1 h slow' }).check()
    await burst(page, 10)
    expect(server.backend.stats).toMatchObject({ refreshes: 0, unauthorized: 0 })
    expect(await total(page, 'answered')).toBe(30)
  })

  it('set the clock forward while logged in: a correction costs neither a refresh nor a 401', async () => {
    const { page, server } = demo
    server.backend.configure({ refreshTokenLifetime: 86_400_000 })
    await logIn(page)
    await page.getByRole('radio', { name: '1 h fast' }).check()
    await burst(page, 10)
    expect(server.backend.stats).toMatchObject({ refreshes: 0, unauthorized: 0 })
    expect(await total(page, 'answered')).toBe(10)
  })
})
