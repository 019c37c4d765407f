/** A store in a JSON file, by lowdb: a restart logs no user out. Refresh tokens are in it as hashes alone. */
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Low } from 'lowdb'
import { JSONFile } from 'lowdb/node'
import { emptyState, type MockState, type MockStore } from '../../src/mock-server/store.js'

/**
 * Opens the file, which need not exist. Each save writes a temporary file beside it and renames it, so a crash leaves
 * the old state or the new one. One process per file. Rejects with an `Error` for a file that is no state of ours.
 */
export async function openFileStore(file: string): Promise<MockStore> {
  await mkdir(dirname(resolve(file)), { recursive: true })
  const database = new Low<MockState>(new JSONFile<MockState>(file), emptyState())
  try {
    await database.read()
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new Error(`${file} is not JSON; move it away to start anew`, { cause: error })
  }
  if (!isState(database.data))
    throw new Error(`${file} holds no state of this server; move it away to start anew`)
  return {
    get state() {
      return database.data
    },
    set state(state) {
      database.data = state
    },
    save: () => database.write(),
  }
}

function isState(value: unknown): value is MockState {
  if (typeof value !== 'object' || value === null) return false
  const { version, keys, sessions, refreshTokens } = value as Partial<Record<keyof MockState, unknown>>
  return (
    version === 1 && Array.isArray(keys) && typeof sessions === 'object' && typeof refreshTokens === 'object'
  )
}
