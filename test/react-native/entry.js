// Bundled by Metro and run without a page. Its answer is what the script compares.
import AsyncStorage from '@react-native-async-storage/async-storage/jest/async-storage-mock'
import axios from 'axios'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'

const server = 'https://api.example.test'
const settings = {
  refresh: refreshRequest({ url: `${server}/auth/refresh` }),
  storage: AsyncStorage,
  retry: 0,
}

globalThis.story = async () => {
  const first = createAuth(settings)
  await first.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })
  first.dispose()

  const auth = createAuth(settings)
  await auth.ready
  const restored = auth.getState().status
  const fetcher = authFetch(auth, { allowedOrigins: [server] })
  const api = axios.create({ baseURL: server, adapter: 'fetch' })
  attachAuth(api, auth)
  const answers = await Promise.all([
    fetcher(`${server}/orders`),
    fetcher(`${server}/orders`),
    api.get('/orders'),
  ])
  await auth.logout()
  auth.dispose()
  const kept = JSON.stringify(await AsyncStorage.getItem('tokenflight:default'))
  return {
    restored,
    statuses: answers.map(({ status }) => status),
    ended: auth.getState().status,
    keepsToken: /[ar]t-\d/.test(kept),
  }
}
