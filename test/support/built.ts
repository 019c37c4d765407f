/** For vitest: builds what the tests read, once for a run. */
import { ensureBuilt } from '../../scripts/ensure-built.mjs'

export const setup = (): void => ensureBuilt('build')
