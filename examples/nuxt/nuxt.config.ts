export default defineNuxtConfig({
  compatibilityDate: '2026-01-01',
  modules: ['@pinia/nuxt'],
  // The back end. The environment variable NUXT_SERVER replaces it.
  runtimeConfig: { server: 'http://127.0.0.1:4310' },
  // In development Vite would find these during the first visit, and reload the page in the middle of a login.
  vite: {
    optimizeDeps: {
      include: [
        'tokenflight',
        'tokenflight/fetch',
        'tokenflight/vue',
        'errx',
        '@vue/devtools-core',
        '@vue/devtools-kit',
      ],
    },
  },
})
