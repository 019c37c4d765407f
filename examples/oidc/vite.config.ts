import { defineConfig } from 'vite'

export default defineConfig({
  // The provider knows one address of the page. The stylesheet of all examples lies one folder up.
  server: { port: 5173, strictPort: true, fs: { allow: ['..'] } },
  preview: { port: 5173, strictPort: true },
})
