import type { NextConfig } from 'next'

const server = process.env.API_URL ?? 'http://127.0.0.1:4310'

const config: NextConfig = {
  // The pages and the back end share an origin, so its cookies are first-party cookies.
  rewrites: async () =>
    ['/auth/:path*', '/api/:path*'].map(source => ({ source, destination: server + source })),
}

export default config
