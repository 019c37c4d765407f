/** Scenarios that once went wrong, as fast-check shrank them. Each caught the bug that its name tells of. */
import type { Scenario } from './tabs-scenario.js'

const strict = { seed: 0, tabs: 3, storage: 'indexedDB', lock: 'locks', grace: 0 } as const

export const regressions: readonly (readonly [name: string, scenario: Scenario])[] = [
  ...([5, 40] as const).map(
    seed =>
      [
        `tabs that gave up on a tab which froze with both locks refresh one after another, number ${seed}`,
        {
          ...strict,
          seed,
          tabs: 4,
          latency: 2,
          fates: { slow: 0.01 },
          steps: [{ at: 7_101, deed: 'login', tab: 0, duration: 100 }],
          traps: [{ on: 'lock granted', nth: 6, deed: 'freeze', duration: 18_000 }],
        },
      ] as const,
  ),
  [
    'a tab that wakes hands out no token of a session that ended while it was frozen',
    {
      ...strict,
      steps: [
        { at: 65_296, deed: 'freeze', tab: 4, duration: 1_085 },
        { at: 65_288, deed: 'login', tab: 0, duration: 100 },
      ],
    },
  ],
  [
    'a login in a tab that has just woken stands, though the tab still reads how the last session ended',
    {
      ...strict,
      seed: 1_893_015_348,
      fates: { lostBefore: 0.18 },
      steps: [
        { at: 1_000, deed: 'revoke', tab: 0, duration: 100 },
        { at: 22_895, deed: 'logout', tab: 0, duration: 100 },
        { at: 13_673, deed: 'freeze', tab: 2, duration: 12_221 },
        { at: 1_000, deed: 'jump', tab: 0, duration: 100 },
      ],
      traps: [{ on: 'lock granted', nth: 8, deed: 'login', duration: 100 }],
    },
  ],
  [
    'a login stands against a page that found the last session by its cookie at the same moment',
    {
      seed: 613_404_980,
      tabs: 4,
      storage: 'cookie',
      lock: 'locks',
      grace: 120_000,
      fates: { lostBefore: 0.06, lostAfter: 0.04, slow: 0.07 },
      steps: [
        { at: 23_787, deed: 'open', tab: 0, duration: 100 },
        { at: 9_856, deed: 'refresh', tab: 0, duration: 100 },
        { at: 23_786, deed: 'offline', tab: 0, duration: 3_388 },
      ],
      traps: [{ on: 'lock granted', nth: 10, deed: 'login', duration: 100 }],
    },
  ],
  [
    'a lease that ran out while the device slept, before the tab knew that it was granted, is asked for again',
    {
      seed: 462_923_187,
      tabs: 5,
      storage: 'web',
      lock: 'lease',
      grace: 0,
      skew: -3_600_000,
      fates: { lostBefore: 0.24, slow: 0.07, refused: 0.09 },
      steps: [
        { at: 48_446, deed: 'sleep', tab: 4, duration: 24_532 },
        { at: 27_677, deed: 'freeze', tab: 0, duration: 8_942 },
      ],
    },
  ],
  [
    'a cookie that an open attempt may have spent is left alone by all, though its flight was over before',
    { seed: 1_263_502_368, tabs: 5, storage: 'cookie', lock: 'locks', grace: 0, fates: { slow: 0.03 } },
  ],
  ...([5, 6] as const).map((nth): readonly [string, Scenario] => [
    `a page in cookie mode waits for the refresh of a page that has gone away, number ${nth}`,
    {
      seed: 5,
      tabs: 3,
      storage: 'cookie',
      lock: 'locks',
      grace: 0,
      traps: [{ on: 'refresh sent', nth, deed: 'kill', duration: 100 }],
    },
  ]),
  [
    'a logout in one tab during the refresh of another leaves no token, though both change the record at once',
    {
      ...strict,
      seed: 1_471_328_836,
      tabs: 4,
      skew: 0,
      latency: 30,
      hasChannel: true,
      fates: { lostBefore: 0.06, slow: 0.010000000000000002, refused: 0.18 },
      steps: [
        { at: 72_787, deed: 'kill', tab: 3, duration: 100 },
        { at: 97_326, deed: 'logout', tab: 4, duration: 100 },
        { at: 1_000, deed: 'sleep', tab: 0, duration: 11_060 },
      ],
      traps: [{ on: 'lock granted', nth: 19, deed: 'login', duration: 100 }],
    },
  ],
  [
    'a page that froze in the middle of its login leaves the session to the tabs that have refreshed it since',
    {
      seed: 0,
      tabs: 2,
      latency: 2,
      storage: 'web',
      lock: 'locks',
      grace: 120_000,
      steps: [{ at: 1_000, deed: 'open', tab: 0, duration: 100 }],
      traps: [{ on: 'database committed', nth: 1, deed: 'freeze', duration: 18_000 }],
    },
  ],
  [
    'new tokens are stored again after each of two tabs that knew the old ones and noted a failure',
    {
      seed: 2_021_758_258,
      tabs: 4,
      latency: 2,
      storage: 'web without a database',
      lock: 'none',
      grace: 0,
      isLenient: true,
      fates: { lostBefore: 0.09, refused: 0.24 },
      steps: [{ at: 20_287, deed: 'revoke', tab: 0, duration: 100 }],
    },
  ],
]
