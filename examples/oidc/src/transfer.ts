/** A call that may need a stronger login (RFC 9470). */
import { challengeOf } from 'tokenflight'
import { logIn } from './login.js'
import { api } from './session.js'
import { apiUrl } from './settings.js'

/** Resolves to the outcome; undefined: the page leaves for a stronger login, and the next one repeats the call. */
export async function transfer(): Promise<string | undefined> {
  const response = await api(`${apiUrl}/transfer`, { method: 'POST' })
  const challenge = challengeOf(response)

  if (challenge?.error === 'insufficient_user_authentication') {
    const { acrValues, maxAge } = challenge
    await logIn('transfer', {
      ...(acrValues && { acr_values: acrValues.join(' ') }),
      ...(maxAge !== undefined && { max_age: `${maxAge / 1000}` }),
    })
    return undefined
  }

  return response.ok ? 'The transfer is made.' : `The transfer failed: ${response.status}`
}
