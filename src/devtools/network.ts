/** A page without a network: `fetch`, `XMLHttpRequest` and `navigator.onLine`, as they are when the device is offline. */

export interface Network {
  readonly isOffline: boolean
  setOffline(isOffline: boolean): void
}

export function createNetwork(): Network {
  let undo: (() => void) | undefined
  return {
    get isOffline() {
      return undo !== undefined
    },
    setOffline(isOffline) {
      if (isOffline === (undo !== undefined)) return
      undo?.()
      undo = isOffline ? cut() : undefined
      dispatchEvent(new Event(isOffline ? 'offline' : 'online'))
    },
  }
}

/** Returns a function that restores the network. */
function cut(): () => void {
  const undos = [
    replace(globalThis, 'fetch', { value: () => Promise.reject(new TypeError('Failed to fetch')) }),
    replace(XMLHttpRequest.prototype, 'send', { value: fail }),
    replace(navigator, 'onLine', { get: () => false }),
  ]
  return () => {
    for (const undo of undos) undo()
  }
}

function fail(this: XMLHttpRequest): void {
  setTimeout(() => {
    for (const type of ['error', 'loadend']) this.dispatchEvent(new ProgressEvent(type))
  })
}

/** Replaces a property. The undo does not overwrite a later replacement. */
function replace(owner: object, name: string, by: PropertyDescriptor): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name)
  Object.defineProperty(owner, name, { configurable: true, ...('value' in by && { writable: true }), ...by })
  return () => {
    const now = Object.getOwnPropertyDescriptor(owner, name)
    if (now?.value !== by.value || now?.get !== by.get) return
    if (before) Object.defineProperty(owner, name, before)
    else Reflect.deleteProperty(owner, name)
  }
}
