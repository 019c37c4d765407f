/** A store in IndexedDB, which a page and its workers share: a session survives a reload. */
import { emptyState, type MockState, type MockStore } from '../../src/mock-server/store.js'

const table = 'state'

/** Opens the store with the state that the last page left. */
export async function openStore(): Promise<MockStore> {
  const opening = indexedDB.open('tokenflight-demo-server', 1)
  opening.onupgradeneeded = () => void opening.result.createObjectStore(table)
  const database = await settled(opening)
  const objects = (mode: IDBTransactionMode) => database.transaction(table, mode).objectStore(table)
  const stored: MockState | undefined = await settled(objects('readonly').get(0))
  const store: MockStore = {
    state: stored ?? emptyState(),
    async save() {
      await settled(objects('readwrite').put(store.state, 0))
    },
  }
  return store
}

function settled<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
