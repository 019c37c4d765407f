/** In place of Next.js and Nuxt: the few functions that the examples take from them. */
import type { AuthState } from 'tokenflight'
import { ref } from 'vue'

/** The cookies of the request that is being served. */
export const jar = new Map<string, string>()
/** What travels to the browser with the page. */
export const shown = ref<AuthState>()

export const cookies = async () => ({
  get: (name: string) => (jar.has(name) ? { value: jar.get(name) } : undefined),
})
export const defineNuxtPlugin = <T>(plugin: T): T => plugin
export const useCookie = (name: string) => ref(jar.get(name))
export function useState(_: string, init: () => AuthState) {
  shown.value ??= init()
  return shown
}
