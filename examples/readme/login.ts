import { api, auth } from './session.js'

export async function logIn(username: string, password: string): Promise<void> {
  const { data } = await api.post('/auth/login', { username, password })
  await auth.login(data)
}
