import { type Auth, createAuth, refreshRequest, type TokenStorage } from 'tokenflight'

/** `expo-secure-store`, `react-native-keychain`, AsyncStorage: whatever keeps a string. */
export interface Keychain {
  getItemAsync(key: string): Promise<string | null>
  setItemAsync(key: string, value: string): Promise<void>
  deleteItemAsync(key: string): Promise<void>
}

export function keychainStorage(keychain: Keychain, key = 'session'): TokenStorage {
  return {
    get: async () => JSON.parse((await keychain.getItemAsync(key)) ?? 'null'),
    set: tokens => keychain.setItemAsync(key, JSON.stringify(tokens)),
    remove: () => keychain.deleteItemAsync(key),
  }
}

export function createSession(keychain: Keychain): Auth {
  return createAuth({
    refresh: refreshRequest({ url: 'https://api.example.com/auth/refresh' }),
    storage: keychainStorage(keychain),
  })
}
