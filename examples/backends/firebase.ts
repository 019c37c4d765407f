import axios from 'axios'
import { createAuth, type TokenResponse } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** The login says `idToken`, the refresh says `id_token`. */
interface Answer extends TokenResponse {
  idToken?: string
}

/** Firebase Authentication by REST: the ID token is the access token of your API. */
export function connect(server: string, key = 'API_KEY') {
  const api = axios.create({ baseURL: server })

  const url = `https://securetoken.googleapis.com/v1/token?key=${key}`
  const auth = createAuth({
    read: (answer: Answer) => ({ ...answer, access_token: answer.id_token ?? answer.idToken }),
    async refresh({ refreshToken = '', signal }) {
      const grant = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken })
      return (await axios.post(url, grant, { signal })).data
    },
  })
  attachAuth(api, auth)

  return { api, auth }
}
