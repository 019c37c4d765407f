/** The call that tells the server about a logout. */
import type { Settings } from './options.js'
import type { Tokens } from './types.js'
import { within } from './waiting.js'

/**
 * Tells the server that the session is over, if there was one. Never rejects.
 * @param known the tokens of the session
 * @param warn hears of a failure
 */
export async function farewell(
  { logout, cookie, refreshTimeout }: Settings,
  known: Promise<Tokens | null> | Tokens | null | undefined,
  warn: (message: string, error: unknown) => void,
): Promise<void> {
  const { accessToken, refreshToken } = (await known) ?? {}
  if (!logout || (!accessToken && !cookie)) return
  const tokens = { ...(accessToken && { accessToken }), ...(refreshToken && { refreshToken }) }
  const controller = new AbortController()
  const call = async (): Promise<unknown> => logout({ ...tokens, signal: controller.signal })
  try {
    await within(call(), refreshTimeout, () => {
      controller.abort()
      return new Error(`no answer within ${refreshTimeout} ms`)
    })
  } catch (error) {
    warn('logout did not reach the server; the session ended here all the same', error)
  }
}
