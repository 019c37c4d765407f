/** The parts of a session that several pages or processes share. Only the storages that share it import them. */
import type { Engine, Share, Sharing } from '../core/state.js'
import { createExclusive } from './lock.js'
import { createPeers } from './peers.js'

export function shareAll(engine: Engine): Sharing {
  const { key, lock, refreshTimeout } = engine.settings
  return {
    exclusive: createExclusive(key, lock, refreshTimeout, engine.clock),
    peers: createPeers(engine),
  }
}

export const shareRecords: Share = engine => (engine.settings.records.shared ? shareAll(engine) : undefined)
