// Bundled by Metro and run without a page. Its answer is what the script compares.
import AsyncStorage from '@react-native-async-storage/async-storage/jest/async-storage-mock'
import axios from 'axios'
import * as SecureStore from 'expo-secure-store'
import { createAuth, refreshRequest } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'
import { authFetch } from 'tokenflight/fetch'
import { keychainStorage } from '../../examples/react-native/keychain'

const server = 'https://api.example.test'
const storages = {
  AsyncStorage: {
    storage: AsyncStorage,
    read: () => AsyncStorage.getItem('tokenflight:default'),
  },
  SecureStore: {
    storage: keychainStorage(SecureStore),
    read: () => SecureStore.getItemAsync('tokenflight.default'),
  },
}

globalThis.story = async name => {
  const { storage, read } = storages[name]
  const settings = { refresh: refreshRequest({ url: `${server}/auth/refresh` }), storage, retry: 0 }
  const first = createAuth(settings)
  await first.login({ access_token: 'at-1', refresh_token: 'rt-1', expires_in: 300 })
  first.dispose()
  const storesToken = /rt-1/.test(await read())

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
  return {
    storesToken,
    restored,
    statuses: answers.map(({ status }) => status),
    ended: auth.getState().status,
    keepsToken: /[ar]t-\d/.test(JSON.stringify(await read())),
  }
}
