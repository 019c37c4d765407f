import { defineConfig } from 'vite'

export default defineConfig({
  // The stylesheet of all examples lies one folder up.
  server: { fs: { allow: ['..'] } },
})
