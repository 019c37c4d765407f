/** The parts of Next.js and Nuxt that the examples use, so that these can be checked without either. */
declare module 'next/headers' {
  export function cookies(): Promise<{ get(name: string): { value: string } | undefined }>
}

declare module '#imports' {
  import type { App, Ref } from 'vue'

  export function defineNuxtPlugin<T>(plugin: (nuxt: { vueApp: App }) => T): typeof plugin
  export function useCookie(name: string): Ref<string | undefined>
  export function useState<T>(key: string, init: () => T): Ref<T>
}
