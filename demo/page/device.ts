/** The device's clock and the speed of the server, as the controls have them. */

export interface Device {
  /** The clock of the session: the wall clock may be an hour off, time itself passes as usual. */
  readonly clock: { now(): number; monotonic(): number }
  /** How far the device's clock is ahead, in ms. */
  skew: number
  /** How long the server takes for an answer, in ms; each request differs a little. */
  latency: number
}

export function createDevice(): Device {
  const device: Device = {
    skew: 0,
    latency: 80,
    clock: {
      now: () => Date.now() + device.skew,
      monotonic: () => performance.now(),
    },
  }
  return device
}
