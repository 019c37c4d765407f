/** Calls that may need a stronger login: the user logs in again, and the call is repeated. */
import { type Auth, type AuthEvents, challengeOf, type TokenResponse } from 'tokenflight'

/**
 * @param logIn logs in, in a popup for example, and gives the answer of the token endpoint
 * @returns makes a call, and makes it once more after a stronger login if the server asks for one
 */
export function createStepUp(
  auth: Auth,
  logIn: (parameters: Record<string, string>) => Promise<TokenResponse>,
) {
  let login: Promise<void> | undefined
  const stepUp = async (challenge: AuthEvents['challenge']): Promise<void> => {
    await auth.login(await logIn(parametersOf(challenge)))
  }

  return async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
    const [outcome] = await Promise.allSettled([call()])
    // The response of fetch, or the error of axios.
    const challenge = challengeOf(outcome.status === 'fulfilled' ? outcome.value : outcome.reason)
    if (challenge?.error === 'insufficient_user_authentication') {
      // Calls that are refused together share one login.
      login ??= stepUp(challenge).finally(() => {
        login = undefined
      })
      await login
      return call()
    }
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  }
}

/** The parameters of the authorization request (RFC 9470 section 4). `max_age` is in seconds. */
export function parametersOf({ acrValues, maxAge }: AuthEvents['challenge']): Record<string, string> {
  return {
    ...(acrValues && { acr_values: acrValues.join(' ') }),
    ...(maxAge !== undefined && { max_age: `${maxAge / 1000}` }),
  }
}
