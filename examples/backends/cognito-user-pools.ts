import axios from 'axios'
import { createAuth } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** Amazon Cognito: the API of user pools, whose JSON has a content type of its own. */
export function connect(server: string, url = 'https://cognito-idp.eu-west-1.amazonaws.com/') {
  const api = axios.create({ baseURL: server })

  interface Answer {
    AuthenticationResult: { AccessToken: string; RefreshToken?: string; ExpiresIn: number }
  }

  const auth = createAuth({
    read: ({ AuthenticationResult: result }: Answer) => ({
      accessToken: result.AccessToken,
      refreshToken: result.RefreshToken,
      expiresIn: result.ExpiresIn,
    }),
    async refresh({ refreshToken, signal }) {
      const headers = {
        'Content-Type': 'application/x-amz-json-1.1',
        'X-Amz-Target': 'AWSCognitoIdentityProviderService.GetTokensFromRefreshToken',
      }
      const grant = { ClientId: 'spa', RefreshToken: refreshToken }
      return (await axios.post(url, grant, { headers, signal })).data
    },
    // Its throttling is a 400, too.
    classify: ({ body }) => (/TooManyRequests/.test(JSON.stringify(body)) ? 'transient' : undefined),
  })
  attachAuth(api, auth)

  return { api, auth }
}
