/** The records of other tabs: a page comes to the same session in every order in which they arrive, and however often. */
import fc from 'fast-check'
import { cookieSession } from 'tokenflight'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { alone, MINUTE, open, pass, refreshStub, useFakeTime } from '../support/core.js'
import '../support/hostile.js'
import { becomePage } from '../support/page.js'
import { runs } from '../support/slow.js'

useFakeTime()

/** A channel whose messages come from the test. */
class Channel {
  static open: Channel | undefined
  onmessage: ((event: { data: unknown }) => void) | null = null
  constructor() {
    Channel.open = this
  }
  postMessage(): void {}
  close(): void {}
}

beforeEach(() => {
  vi.stubGlobal('BroadcastChannel', Channel)
  becomePage()
})

/** A session or a version of one, as another tab has stored it. */
interface News {
  readonly generation: number
  readonly version: number
  readonly isEnd: boolean
}

const news: fc.Arbitrary<News[]> = fc.uniqueArray(
  fc.record({
    generation: fc.integer({ min: 1, max: 4 }),
    version: fc.integer({ min: 1, max: 4 }),
    isEnd: fc.boolean(),
  }),
  { minLength: 2, maxLength: 6, selector: ({ generation, version }) => `${generation}.${version}` },
)

/** A record whose access token tells which one it is. */
function toRecord({ generation, version, isEnd }: News, since: number): object {
  const common = { generation: since + generation, version, savedAt: since * 1_000 }
  return isEnd
    ? { ...common, ended: 'refresh_rejected' }
    : {
        ...common,
        accessToken: `at-${generation}-${version}`,
        lifetime: 5 * MINUTE,
        expiresAt: since * 1_000 + 5 * MINUTE,
      }
}

/** The session of a page that gets the records in this order. */
async function sessionAfter(
  records: readonly object[],
): Promise<[status: string, token: string | undefined, refreshes: number]> {
  const refresh = refreshStub(async () => alone())
  const lock = { request: <T>(_name: string, _options: object, callback: () => Promise<T>) => callback() }
  const { auth } = open({ storage: cookieSession(), lock, refresh, autoRefresh: 'off' })
  await pass(100)
  expect(refresh.calls).toHaveLength(1)
  for (const record of records) {
    Channel.open?.onmessage?.({ data: structuredClone({ record }) })
    await pass(0)
  }
  const { status } = auth.getState()
  const token = status === 'authenticated' ? await auth.getAccessToken() : undefined
  auth.dispose()
  return [status, token, refresh.calls.length]
}

describe('the records of other tabs', () => {
  it('make the same session in any order, and once more if they are repeated', async () => {
    const statuses = new Set<string>()
    const orders = news.chain(all =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray(all, { minLength: all.length }),
        fc.array(fc.constantFrom(...all), { maxLength: 6 }),
      ),
    )
    await fc.assert(
      fc.asyncProperty(orders, async ([all, shuffled, repeated]) => {
        const since = Math.round(Date.now() / 1_000)
        const records = (list: readonly News[]) => list.map(each => toRecord(each, since))
        const [last] = [...all].sort((a, b) => b.generation - a.generation || b.version - a.version) as [
          News,
          ...News[],
        ]
        const expected = last.isEnd
          ? ['expired', undefined]
          : ['authenticated', `at-${last.generation}-${last.version}`]
        for (const order of [all, shuffled, [...repeated, ...shuffled, ...repeated]])
          expect(await sessionAfter(records(order))).toEqual([...expected, 1])
        statuses.add(`${expected[0]}`)
      }),
      { numRuns: runs(300) },
    )
    expect(statuses.size).toBe(2)
  })
})
