/** Scenarios that once went wrong, as fast-check shrank them. Each caught the bug that its name tells of. */
import type { Scenario } from './tabs-scenario.js'

const strict = { seed: 0, tabs: 3, storage: 'indexedDB', lock: 'locks', grace: 0 } as const

export const regressions: readonly (readonly [name: string, scenario: Scenario])[] = [
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
]
