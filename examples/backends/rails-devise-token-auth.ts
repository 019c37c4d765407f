import axios, { type AxiosResponse } from 'axios'
import { collectTokens, createAuth } from 'tokenflight'
import { attachAuth } from 'tokenflight/axios'

/** The token and the two headers that belong to it, as one string. A blank token is that of a batch request. */
function pack({ headers }: AxiosResponse) {
  const { 'access-token': token, client, uid, expiry } = headers
  if (!token?.trim()) return
  const accessToken = encodeURIComponent(JSON.stringify({ 'access-token': token, client, uid }))
  return { accessToken, expiresAt: expiry }
}

/** Rails with devise_token_auth: three headers on every request, and a new token with each answer. */
export function connect(server: string) {
  const api = axios.create({ baseURL: server })

  const auth = createAuth({ read: (answer: AxiosResponse) => pack(answer) ?? {} })
  attachAuth(api, auth, {
    header: packed => JSON.parse(decodeURIComponent(packed)),
    renewal: collectTokens<AxiosResponse>(pack),
  })

  return { api, auth }
}
