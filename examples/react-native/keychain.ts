import { type Auth, createAuth, refreshRequest, type TokenStorage } from 'tokenflight'

/** The part of `expo-secure-store` that a session needs. */
export interface Keychain {
  getItemAsync(key: string): Promise<string | null>
  setItemAsync(key: string, value: string): Promise<void>
  deleteItemAsync(key: string): Promise<void>
}

/** The keys of `expo-secure-store` hold no colon. */
export function keychainStorage(keychain: Keychain): TokenStorage {
  const toKey = (name: string): string => name.replaceAll(':', '.')
  return {
    getItem: name => keychain.getItemAsync(toKey(name)),
    setItem: (name, value) => keychain.setItemAsync(toKey(name), value),
    removeItem: name => keychain.deleteItemAsync(toKey(name)),
  }
}

export function createSession(keychain: Keychain): Auth {
  return createAuth({
    refresh: refreshRequest({ url: 'https://api.example.com/auth/refresh' }),
    storage: keychainStorage(keychain),
  })
}
