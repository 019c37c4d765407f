/** For vitest: builds the files that the tests read, once for a run. */
import { ensureBuilt } from '../../scripts/ensure-built.mjs'

export const setup = (): void => ensureBuilt('build')
