import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RunningServer, startServer } from '../../demo/server/start.js'
import { runs } from '../support/slow.js'
import {
  buildProcess,
  hasRedis,
  type RunningRedis,
  startRedis,
  startWorker,
  type Worker,
} from '../support/tabs-redis.js'

const ROUNDS = runs(60)
/** How long the lock of a dead process lasts, milliseconds. */
const LOCK_TTL = 1_000

const isRunnable = hasRedis()
if (!isRunnable) {
  process.stderr.write(
    'redis-server is not there and cannot be installed: the tests with Redis are skipped\n',
  )
}

describe.skipIf(!isRunnable)('Node processes that share a session over Redis', () => {
  let redis: RunningRedis
  let server: RunningServer
  let directory: string
  const workers: Worker[] = []

  const start = async (count: number): Promise<Worker[]> => {
    const script = join(directory, 'process.cjs')
    const env = { REDIS_PORT: String(redis.port), SERVER_URL: server.url, LOCK_TTL: String(LOCK_TTL) }
    const started = await Promise.all(Array.from({ length: count }, () => startWorker(script, env)))
    workers.push(...started)
    return started
  }
  const requestAll = async (processes: readonly Worker[]): Promise<string[]> => [
    ...new Set(await Promise.all(processes.map(process => process.do('request')))),
  ]

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tokenflight-redis-'))
    await buildProcess(join(directory, 'process.cjs'))
    redis = await startRedis()
    server = await startServer({ refreshTokenLifetime: 3_600_000 })
  })
  afterEach(async () => {
    for (const { child } of workers.splice(0)) child.kill('SIGKILL')
    server.backend.reset()
    await redis.stop()
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis.stop()
    await server.close()
    await rm(directory, { recursive: true, force: true })
  })

  it('make one grant per refresh token over many rounds on a strictly rotating server', async () => {
    const { backend } = server
    const [first] = await start(1)
    await first!.do('login')
    const processes = [first!, ...(await start(3))]
    for (let round = 0; round < ROUNDS; round++) {
      backend.delayRefresh(round % 3 === 0 ? 0 : 15)
      backend.expireAccessTokens()
      expect(await requestAll(processes)).toEqual(['200'])
    }
    expect(backend.stats).toMatchObject({ logins: 1, refreshes: ROUNDS, reuses: 0, rejected: 0 })
    expect(processes.reduce((sum, { refreshes }) => sum + refreshes, 0)).toBe(ROUNDS)
  })

  it('go on when one is killed in the middle of a refresh', async () => {
    const { backend } = server
    backend.configure({ graceWindow: 120_000 })
    const [first] = await start(1)
    await first!.do('login')
    const processes = [first!, ...(await start(3))]
    for (let survivors = processes; survivors.length > 1; ) {
      const { refreshes } = backend.stats
      backend.delayRefresh(200)
      backend.expireAccessTokens()
      const before = survivors.map(worker => worker.refreshes)
      const requests = survivors.map(worker => worker.do('request').catch(() => 'gone'))
      const busy = (): number => survivors.findIndex((worker, index) => worker.refreshes > before[index]!)
      await expect.poll(busy, { interval: 5 }).toBeGreaterThanOrEqual(0)
      const killed = busy()
      survivors[killed]!.child.kill('SIGKILL')
      backend.delayRefresh(0)
      const outcomes = await Promise.all(requests)
      expect(outcomes.filter((_, index) => index !== killed)).toEqual(Array(survivors.length - 1).fill('200'))
      // The killed one's, if the server still made it, and one of the others'.
      expect(backend.stats.refreshes - refreshes).toBeLessThanOrEqual(2)
      survivors = survivors.filter((_, index) => index !== killed)
    }
    expect(backend.stats).toMatchObject({ logins: 1, reuses: 0, rejected: 0 })
  })

  it('end the session together, and a process that starts later finds it ended', async () => {
    const { backend } = server
    const [first] = await start(1)
    await first!.do('login')
    const [second, third] = await start(2)
    expect(await requestAll([first!, second!, third!])).toEqual(['200'])
    await first!.do('logout')
    backend.expireAccessTokens()
    backend.revokeRefreshTokens()
    // There is no channel between processes: they learn it when they next look into the storage.
    expect(await second!.do('request')).toMatch(/^ERR_SIGNED_OUT$/)
    const [late] = await start(1)
    expect(await late!.do('status')).toBe('anonymous')
    expect(backend.stats).toMatchObject({ refreshes: 0, reuses: 0 })
  })

  it('go on from memory while Redis is away', async () => {
    const { backend } = server
    const [alone] = await start(1)
    await alone!.do('login')
    await redis.stop()
    backend.expireAccessTokens()
    expect(await alone!.do('request')).toBe('200')
    expect(backend.stats).toMatchObject({ refreshes: 1, reuses: 0, rejected: 0 })
  })
})

it('the guide for Node services quotes the recipe word for word', async () => {
  const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
  const guide = await read('docs/guides/node-services.md')
  expect(guide).toContain(`\n\`\`\`ts\n${await read('test/recipes/redis-session.ts')}\`\`\`\n`)
})
