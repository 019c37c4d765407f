import { auth } from './session.js'

if (process.env.NODE_ENV !== 'production') {
  const { mountDevtools } = await import('tokenflight/devtools')
  mountDevtools(auth)
}
