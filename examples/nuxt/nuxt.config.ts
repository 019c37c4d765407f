export default defineNuxtConfig({
  compatibilityDate: '2026-01-01',
  modules: ['@pinia/nuxt'],
  // The back end. The environment variable NUXT_SERVER replaces it.
  runtimeConfig: { server: 'http://127.0.0.1:4310' },
})
