/** The device's network and clock, as the controls have it: they can be taken away and turned. */
import { type AxiosAdapter, AxiosError, getAdapter } from 'axios'

export interface Device {
  /** What `createAuth` is given: the wall clock may be an hour off, time itself passes as it does. */
  readonly clock: { now(): number; monotonic(): number }
  /** How far the device's clock is ahead, in ms. */
  skew: number
  /** How long the server takes for an answer, in ms; each request differs a little. */
  latency: number
  readonly isOffline: boolean
  /** Pulls the plug: `navigator.onLine`, its events, and every request that is sent from then on. */
  setOffline(isOffline: boolean): void
  readonly fetch: typeof fetch
  readonly adapter: AxiosAdapter
}

export function createDevice(): Device {
  let isOffline = false
  const send = getAdapter(['xhr', 'http'])
  Object.defineProperty(navigator, 'onLine', { configurable: true, get: () => !isOffline })
  const device: Device = {
    skew: 0,
    latency: 80,
    clock: {
      now() {
        return Date.now() + device.skew
      },
      monotonic: () => performance.now(),
    },
    get isOffline() {
      return isOffline
    },
    setOffline(next) {
      isOffline = next
      window.dispatchEvent(new Event(next ? 'offline' : 'online'))
    },
    fetch: (input, init) =>
      isOffline ? Promise.reject(new TypeError('Failed to fetch')) : fetch(input, init),
    adapter: config =>
      isOffline
        ? Promise.reject(new AxiosError('Network Error', AxiosError.ERR_NETWORK, config))
        : send(config),
  }
  return device
}
