import { describe, expect, it } from 'vitest'
import { burst, drawn, expectDrawn, logIn, total, useDemo, waitForStatus } from './demo-page.js'

const demo = useDemo()
const refreshes = () => demo.server.log.since(0).filter(entry => entry.path === '/auth/refresh')
const control = (title: string) => drawn(demo.page, `.mark.control[data-title="${title}"]`)

/** The token is no good any more, and the page knows nothing of it yet. */
async function expire(): Promise<void> {
  await demo.page.locator('#expire').click()
  await control('Access tokens expired')
}

/** Two tokens of the same second have the same `iat`, which then counts as copied, and the device's clock decides. */
async function nextSecond(): Promise<void> {
  const second = () => Math.floor(Date.now() / 1000)
  const present = second()
  await expect.poll(second).toBeGreaterThan(present)
}

describe('the controls of requests and tokens', () => {
  it('send 1, 10 and 100, and draw each of them', async () => {
    const { page, server } = demo
    await logIn(page)
    for (const size of [1, 10, 100] as const) await burst(page, size)
    expect(server.log.since(0).filter(entry => entry.path === '/api/orders')).toHaveLength(111)
    await expectDrawn(page, '.mark.request[data-outcome="answered"]', 112)
    await expectDrawn(page, '.mark.control[data-title="100 requests at once"]', 1)
    await expect
      .poll(() => page.locator('#last-burst').textContent())
      .toBe('100 of 100 requests answered, 0 refreshes')
  })

  it('send from each panel, with a lane of its own', async () => {
    const { page, server } = demo
    await logIn(page)
    for (const [name, panel, lane] of [
      ['axios', 'axios', 'client axios'],
      ['React', 'react', `client axios ${server.url}/api`],
      ['fetch', 'vue', 'client fetch'],
    ] as const) {
      const answered = `.mark.request[data-lane="${lane}"][aria-label*="/api/orders"][data-outcome="answered"]`
      await page.getByRole('button', { name: `Send with ${name}` }).click()
      await expectDrawn(page, answered, 1)
      await expect
        .poll(() => page.locator(`#panel-${panel} [data-field="last"]`).textContent())
        .toMatch(/^200 in/)
    }
    expect(server.log.since(0).filter(({ path }) => path === '/api/orders')).toHaveLength(3)
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
    await nextSecond()
    await page.locator('#access-lifetime').selectOption('30000')
    await expect.poll(() => server.backend.stats.refreshes).toBe(1)
    await drawn(page, '.mark.token[data-token="access"][aria-label*="(30 s)"] [data-part="window"]')
    await nextSecond()
    await page.locator('#refresh-lifetime').selectOption('20000')
    await expect.poll(() => server.backend.stats.refreshes).toBe(2)
    await drawn(page, '.mark.token[data-token="refresh"][aria-label*="(20 s)"]')
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
    await expectDrawn(page, '.mark.request [data-part="refused"][data-status="401"]', 10)
    await expectDrawn(page, '.mark.request [data-part="replay"][data-status="200"]', 10)
    await expectDrawn(page, '.mark.refresh[data-outcome="done"]', 1)
    await expectDrawn(page, '.mark.token[data-cut="rejected by the server"]', 1)
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
    await expectDrawn(page, '.mark.request[data-outcome="signedOut"] [data-part="cap"]', 10)
    await expectDrawn(page, '.mark.event[data-title="Session expired"][data-bad="true"]', 1)
    expect(server.backend.stats.rejected).toBe(1)
    expect(await total(page, 'seen')).toBe(0)
  })
})

describe('the controls of the auth server', () => {
  it('fail the next refreshes, with a status or a broken connection', async () => {
    const { page, server } = demo
    await logIn(page)
    for (const [kind, failures] of [
      ['503', 1],
      ['network', 2],
    ] as const) {
      await page.locator('#fail-kind').selectOption(kind)
      await page.locator('#fail').click()
      await expectDrawn(page, '.mark.control[data-title="The next 1 refresh fails"]', failures)
      await page.locator('#expire').click()
      await expectDrawn(page, '.mark.control[data-title="Access tokens expired"]', failures)
      await burst(page, 10)
      await expectDrawn(page, '.events [data-title="Refreshed"]', failures)
      // The browser itself sends a request again whose connection broke.
      if (kind === '503')
        expect(await page.locator('.events [data-title="Refreshed"]').textContent()).toMatch(/attempt 2$/)
      expect(server.backend.stats).toMatchObject({ failures, refreshes: failures })
    }
    expect(await total(page, 'answered')).toBe(21)
  })

  it('slow it down: the wait is drawn while the refresh takes its time', async () => {
    const { page } = demo
    await logIn(page)
    await page.locator('#slow').check()
    await control('Slow server')
    await expire()
    await burst(page, 1)
    await expectDrawn(page, '.mark.request [data-part="wait"]', 1)
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
      await expectDrawn(page, '.mark.control[data-title="Access tokens expired"]', times)
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
    // The first was the restore without a session, when the switch was turned.
    expect(server.backend.stats).toMatchObject({ refreshes: 1, rejected: 2 })
    await page.reload()
    await waitForStatus(page, 'authenticated')
    expect(await page.locator('#cookie').isChecked()).toBe(true)
  })
})

describe('the controls of the device', () => {
  it('go offline: requests fail on the page, and succeed when it is online again', async () => {
    const { page, server } = demo
    await logIn(page)
    await expire()
    await page.getByRole('switch', { name: 'Offline' }).check()
    const before = server.backend.stats.requests
    await burst(page, 1)
    await drawn(page, '.mark.request[data-outcome="failed"] [data-part="lost"]')
    expect(server.backend.stats.requests).toBe(before)
    expect(await page.evaluate(() => navigator.onLine)).toBe(false)
    await page.getByRole('switch', { name: 'Offline' }).uncheck()
    await burst(page, 10)
    expect(await total(page, 'answered')).toBe(11)
    expect(server.backend.stats.refreshes).toBe(1)
  })

  it('set the clock wrong: a login under it is as good, and setting it back costs nothing', async () => {
    const { page, server } = demo
    for (const name of ['1 h fast', '1 h slow']) {
      await page.getByRole('radio', { name }).check()
      await control(`This device's clock is ${name}`)
      await logIn(page)
      await burst(page, 10)
      await page.locator('#logout').click()
      await waitForStatus(page, 'anonymous')
    }
    await page.getByRole('radio', { name: 'right' }).check()
    await logIn(page)
    await page.getByRole('radio', { name: '1 h slow' }).check()
    await burst(page, 10)
    expect(server.backend.stats).toMatchObject({ refreshes: 0, unauthorized: 0 })
    expect(await total(page, 'answered')).toBe(33)
  })

  it('set the clock forward while logged in: a correction costs neither a refresh nor a 401', async () => {
    const { page, server } = demo
    server.backend.configure({ refreshTokenLifetime: 86_400_000 })
    await logIn(page)
    await page.getByRole('radio', { name: '1 h fast' }).check()
    await burst(page, 10)
    expect(server.backend.stats).toMatchObject({ refreshes: 0, unauthorized: 0 })
    expect(await total(page, 'answered')).toBe(11)
  })
})
