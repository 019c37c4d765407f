import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  // The stylesheet of all examples lies one folder up.
  server: { fs: { allow: ['..'] } },
})
