import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { useServers } from './client.js'

const start = useServers()

const temporaryDirectory = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tokenflight-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return directory
}

describe('persistence', () => {
  it('logs no user out by a restart, and remembers the spent tokens and the ended sessions', async () => {
    const dataFile = join(await temporaryDirectory(), 'deep', 'data.json')
    const before = await start({ dataFile })
    const kept = await before.login()
    const spent = await before.login()
    const { body: child } = await before.refresh(spent.refreshToken)
    const left = await before.login()
    await before.send('POST', '/auth/logout', { bearer: left.accessToken })
    await before.server.close()

    const after = await start({ dataFile })
    expect((await after.orders(kept.accessToken)).status).toBe(200)
    expect((await after.refresh(kept.refreshToken)).status).toBe(200)
    expect((await after.refresh(left.refreshToken)).status).toBe(400)
    expect((await after.orders(child.accessToken)).status).toBe(200)
    expect((await after.refresh(spent.refreshToken)).status).toBe(400)
    expect((await after.orders(child.accessToken)).status).toBe(401)
    expect(after.server.backend.stats).toMatchObject({ reuses: 1, refreshes: 1 })
  })

  it('has every answered grant in the file, although the server was not closed', async () => {
    const dataFile = join(await temporaryDirectory(), 'data.json')
    const crashed = await start({ dataFile })
    const { refreshToken } = await crashed.login()
    const answers = await Promise.all(Array.from({ length: 10 }, () => crashed.login()))
    const { body } = await crashed.refresh(refreshToken)
    const after = await start({ dataFile })
    for (const tokens of answers) expect((await after.refresh(tokens.refreshToken)).status).toBe(200)
    expect((await after.refresh(body.refreshToken)).status).toBe(200)
  })

  it('answers a repeat within the grace window after a restart too', async () => {
    const dataFile = join(await temporaryDirectory(), 'data.json')
    const before = await start({ dataFile, graceWindow: 60_000 })
    const { refreshToken } = await before.login()
    await before.refresh(refreshToken)
    await before.server.close()
    const after = await start({ dataFile, graceWindow: 60_000 })
    const { status, body } = await after.refresh(refreshToken)
    expect(status).toBe(200)
    expect((await after.refresh(body.refreshToken)).status).toBe(200)
  })

  it('keeps no token in the file', async () => {
    const dataFile = join(await temporaryDirectory(), 'data.json')
    const client = await start({ dataFile })
    const { accessToken, refreshToken } = await client.login()
    const text = await readFile(dataFile, 'utf8')
    for (const token of [accessToken, refreshToken]) {
      expect(text).not.toContain(token)
      expect(text).not.toContain(token.split('.')[2])
    }
  })

  it('throws instead of overwriting a file that is not its own', async () => {
    const directory = await temporaryDirectory()
    const dataFile = join(directory, 'data.json')
    await writeFile(dataFile, 'my diary')
    await expect(start({ dataFile })).rejects.toThrow(/data\.json is not JSON/)
    await writeFile(dataFile, '{"diary":[]}')
    await expect(start({ dataFile })).rejects.toThrow(/holds no state of this server/)
  })

  it('answers 500 when the store fails, and reports the error', async () => {
    const directory = await temporaryDirectory()
    const client = await start({ dataFile: join(directory, 'gone', 'data.json') })
    await rm(join(directory, 'gone'), { recursive: true })
    const failed = await client.send('POST', '/auth/login', {
      json: { username: 'ada', password: 'lovelace' },
    })
    expect(failed).toMatchObject({ status: 500, body: { error: 'server_error' } })
    await expect(client.server.backend.settled()).rejects.toThrow(/ENOENT/)
    client.server.close = (
      close => () =>
        close().catch(() => {})
    )(client.server.close)
  })

  it('is told when its port is taken', async () => {
    const { server } = await start()
    await expect(start({ port: server.port })).rejects.toThrow(/EADDRINUSE/)
  })
})
