import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [vue()],
  // The stylesheet of all examples lies one folder up.
  server: { fs: { allow: ['..'] } },
})
