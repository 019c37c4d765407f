/** The tests of the engine as one file: a mutant is tried in a second where they are loaded only once. */
/// <reference types="vite/client" />
import { describe } from 'vitest'

// Those left out want an environment, or real time, of their own; the model kills nothing that the others do not.
const files = import.meta.glob<unknown>([
  '../core/*.test.ts',
  '../{http/collected-tokens,http/rejected-token,http/plain-http,dpop/session}.test.ts',
  '../{axios/waiting,axios/report,axios/cookie-visitor,axios/errors,recipes/step-up}.test.ts',
  '../robustness/{back-off,clock-jumps,record-order,records}.test.ts',
  '!../core/{model,smoke,errors,schedule,prerendering,remember,waking-page}.test.ts',
  '!../core/{cookie-page,leaving-page,logout-cookie,logout-lasts,logout-late-token}.test.ts',
])
for (const [path, load] of Object.entries(files)) {
  // A suite of its own, to which its hooks belong.
  describe(path, async () => {
    await load()
  })
}
