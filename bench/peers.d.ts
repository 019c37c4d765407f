/** The types of a peer that only the bench installs: the type check of the project does without it. */
declare module '@badgateway/oauth2-client' {
  interface OAuth2Token {
    accessToken: string
    refreshToken: string | null
    expiresAt: number | null
  }
  export class OAuth2Fetch {
    constructor(options: {
      client: { refreshToken(token: OAuth2Token): Promise<OAuth2Token> }
      getNewToken(): OAuth2Token | null
      getStoredToken(): OAuth2Token | null
      scheduleRefresh?: boolean
    })
    mw(): (request: Request, next: (request: Request) => Promise<Response>) => Promise<Response>
    getAccessToken(): Promise<string>
  }
}
