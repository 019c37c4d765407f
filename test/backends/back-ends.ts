/** The back ends of docs/backends.md: their requests and answers as their documentation has them. */
import type { AxiosInstance } from 'axios'
import type { Auth, JwtClaims } from 'tokenflight'
import { connect as aspNet } from '../../examples/backends/aspnet-core-identity.js'
import { connect as auth0 } from '../../examples/backends/auth0.js'
import { connect as betterAuth } from '../../examples/backends/better-auth.js'
import { connect as cognito } from '../../examples/backends/cognito.js'
import { connect as cognitoUserPools } from '../../examples/backends/cognito-user-pools.js'
import { connect as directus } from '../../examples/backends/directus.js'
import { connect as djRestAuth } from '../../examples/backends/dj-rest-auth.js'
import { connect as oauthToolkit } from '../../examples/backends/django-oauth-toolkit.js'
import { connect as simplejwt } from '../../examples/backends/django-simplejwt.js'
import { connect as entraId } from '../../examples/backends/entra-id.js'
import { connect as express } from '../../examples/backends/express-jsonwebtoken.js'
import { connect as fastify } from '../../examples/backends/fastify-jwt.js'
import { connect as firebase } from '../../examples/backends/firebase.js'
import { connect as glewlwyd } from '../../examples/backends/glewlwyd.js'
import { connect as keycloak } from '../../examples/backends/keycloak.js'
import { connect as jwtAuth } from '../../examples/backends/laravel-jwt-auth.js'
import { connect as passport } from '../../examples/backends/laravel-passport.js'
import { connect as nest } from '../../examples/backends/nestjs.js'
import { connect as oauth2Server } from '../../examples/backends/oauth2-server.js'
import { connect as pocketBase } from '../../examples/backends/pocketbase.js'
import { connect as doorkeeper } from '../../examples/backends/rails-doorkeeper.js'
import { connect as spring } from '../../examples/backends/spring.js'
import { connect as strapi } from '../../examples/backends/strapi.js'
import { connect as supabase } from '../../examples/backends/supabase.js'
import { connect as superTokens } from '../../examples/backends/supertokens.js'
import { DAY, HOUR, jwt, MINUTE, opaque, SECOND } from '../support/core.js'

export const JSON_TYPE = 'application/json'
/** The JSON of AWS. */
export const AMAZON = 'application/x-amz-json-1.1'
export const FORM = 'application/x-www-form-urlencoded'

/** An answer of a server. */
export interface Answer {
  status?: number
  body?: unknown
  headers?: Record<string, string>
}

/** A request for new tokens. `POST`, with the cookies of the same origin at most, unless a member below names others. */
export interface TokenRequest {
  url: string
  method?: 'GET'
  json?: object
  form?: Record<string, string>
  /** `@default` that of JSON or of a form */
  type?: string
  /** Besides `Content-Type` and `Accept`. */
  headers?: Record<string, string>
  credentials?: 'include'
}

type AnyAuth = Auth<JwtClaims, never>

export interface BackEnd {
  connect(server: string): { api: AxiosInstance; auth: AnyAuth }
  /** Of the access token, as it is by default, milliseconds. */
  lifetime: number
  /** An access token. */
  mint(lifetime: number): string
  /** The answer to a login; undefined where the server makes it by a redirect or a cookie. */
  login?(access: string, refresh: string): unknown
  refresh(access: string, refresh: string): TokenRequest
  answer(access: string, refresh: string): Answer
  /** The refresh token is another one after each refresh. */
  rotates?: boolean
  /** The access token is a cookie, too. */
  isHidden?: boolean
  /** The API's 401; undefined where it has none. */
  refused?: Answer
  /** An ended token cannot be renewed. */
  isAheadOnly?: boolean
  /** Answers to a refresh that end the session. */
  dead: Answer[]
}

const SERVER = 'https://api.example.com'
const COOKIE = { credentials: 'include' } as const
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const challenge = (value: string) => ({ 'WWW-Authenticate': value })

let count = 0
const signed = (lifetime: number, claims: Record<string, unknown> = { sub: 'ada' }) => {
  const now = Date.now() / SECOND
  return jwt({ ...claims, jti: `${++count}`, iat: now, exp: now + lifetime / SECOND })
}

/** An OAuth 2.0 server (RFC 6749 section 6). */
const oauth = (
  url: string,
  seconds: number,
  {
    fields,
    extra,
    ...rest
  }: { fields?: object; extra?: object } & Pick<BackEnd, 'connect' | 'refused'> & Partial<BackEnd>,
): BackEnd => {
  const answer = (access_token: string, refresh_token: string) => ({
    access_token,
    token_type: 'Bearer',
    expires_in: seconds,
    ...(rest.rotates !== false && { refresh_token }),
    ...extra,
  })
  return {
    lifetime: seconds * SECOND,
    mint: signed,
    login: (access_token, refresh_token) => ({ ...answer(access_token, refresh_token), refresh_token }),
    refresh: (_, refresh_token) => ({
      url,
      form: { grant_type: 'refresh_token', refresh_token, client_id: 'spa', ...fields },
    }),
    answer: (access, refresh) => ({ body: answer(access, refresh) }),
    rotates: true,
    dead: [{ status: 400, body: { error: 'invalid_grant' } }],
    ...rest,
  }
}

const simplejwtDead = {
  status: 401,
  headers: challenge('Bearer realm="api"'),
  body: { detail: 'Token is invalid or expired', code: 'token_not_valid' },
}
const simplejwtRefused = {
  headers: challenge('Bearer realm="api"'),
  body: { detail: 'Given token not valid for any token type', code: 'token_not_valid', messages: [] },
}
const laravelRefused = { body: { message: 'Unauthenticated.' } }

export const backEnds: Record<string, BackEnd> = {
  'Django REST framework with simplejwt': {
    connect: simplejwt,
    lifetime: 5 * MINUTE,
    mint: signed,
    login: (access, refresh) => ({ access, refresh }),
    refresh: (_, refresh) => ({ url: `${SERVER}/api/token/refresh/`, json: { refresh } }),
    answer: access => ({ body: { access } }),
    refused: simplejwtRefused,
    dead: [simplejwtDead],
  },
  'simplejwt with ROTATE_REFRESH_TOKENS': {
    connect: simplejwt,
    lifetime: 5 * MINUTE,
    mint: signed,
    login: (access, refresh) => ({ access, refresh }),
    refresh: (_, refresh) => ({ url: `${SERVER}/api/token/refresh/`, json: { refresh } }),
    answer: (access, refresh) => ({ body: { access, refresh } }),
    rotates: true,
    refused: simplejwtRefused,
    dead: [{ ...simplejwtDead, body: { detail: 'Token is blacklisted', code: 'token_not_valid' } }],
  },
  'dj-rest-auth with cookies': {
    connect: djRestAuth,
    lifetime: 5 * MINUTE,
    mint: signed,
    login: access => ({ access, refresh: '', user: { pk: 1 }, access_expiration: isoAfter(5 * MINUTE) }),
    refresh: () => ({ url: `${SERVER}/dj-rest-auth/token/refresh/`, json: {}, ...COOKIE }),
    answer: access => ({ body: { access, access_expiration: isoAfter(5 * MINUTE) } }),
    isHidden: true,
    refused: simplejwtRefused,
    dead: [
      simplejwtDead,
      { ...simplejwtDead, body: { detail: 'No valid refresh token found.', code: 'token_not_valid' } },
    ],
  },
  'django-oauth-toolkit': oauth(`${SERVER}/o/token/`, 36_000, {
    connect: oauthToolkit,
    mint: () => opaque('at'),
    extra: { scope: 'read write' },
    refused: { headers: challenge('Bearer realm="api",error="invalid_token"') },
  }),
  'Laravel Passport': oauth(`${SERVER}/oauth/token`, 900, {
    connect: passport,
    refused: laravelRefused,
    dead: [
      {
        status: 400,
        body: {
          error: 'invalid_grant',
          error_description: 'The refresh token is invalid.',
          hint: 'Token has been revoked',
        },
      },
      {
        status: 401,
        body: {
          error: 'invalid_request',
          error_description: 'The refresh token is invalid.',
          hint: 'Token has expired',
        },
      },
    ],
  }),
  'Laravel jwt-auth': {
    connect: jwtAuth,
    lifetime: HOUR,
    mint: signed,
    login: access_token => ({ access_token, token_type: 'bearer', expires_in: 3600 }),
    refresh: access => ({ url: `${SERVER}/api/auth/refresh`, json: {}, headers: bearer(access) }),
    answer: access_token => ({ body: { access_token, token_type: 'bearer', expires_in: 3600 } }),
    refused: laravelRefused,
    dead: [
      { status: 401, body: { message: 'Token has expired and can no longer be refreshed' } },
      {
        status: 401,
        headers: challenge('jwt-auth'),
        body: { message: 'The token has been blacklisted' },
      },
    ],
  },
  'Rails with Doorkeeper': oauth(`${SERVER}/oauth/token`, 7200, {
    connect: doorkeeper,
    mint: () => opaque('at'),
    extra: { scope: 'read', created_at: 1_768_478_400 },
    refused: {
      headers: challenge(
        'Bearer realm="Doorkeeper", error="invalid_token", error_description="The access token expired"',
      ),
    },
    dead: [
      {
        status: 400,
        body: { error: 'invalid_grant', error_description: 'The provided authorization grant is invalid.' },
      },
    ],
  }),
  'Spring Authorization Server': oauth(`${SERVER}/oauth2/token`, 300, {
    connect: spring,
    extra: { scope: 'orders.read' },
    refused: {
      headers: challenge(
        'Bearer error="invalid_token", error_description="Jwt expired at 2026-01-15T12:05:00Z"',
      ),
    },
  }),
  'ASP.NET Core Identity': {
    connect: aspNet,
    lifetime: HOUR,
    mint: () => opaque('at'),
    login: (accessToken, refreshToken) => ({
      tokenType: 'Bearer',
      accessToken,
      expiresIn: 3600,
      refreshToken,
    }),
    refresh: (_, refreshToken) => ({ url: `${SERVER}/refresh`, json: { refreshToken } }),
    answer: (accessToken, refreshToken) => ({
      body: { tokenType: 'Bearer', accessToken, expiresIn: 3600, refreshToken },
    }),
    rotates: true,
    refused: { headers: challenge('Bearer') },
    dead: [{ status: 401, headers: challenge('Bearer') }],
  },
  NestJS: {
    connect: nest,
    lifetime: 15 * MINUTE,
    mint: signed,
    login: (access_token, refresh_token) => ({ access_token, refresh_token }),
    refresh: (_, refresh) => ({ url: `${SERVER}/auth/refresh`, json: {}, headers: bearer(refresh) }),
    answer: (access_token, refresh_token) => ({ body: { access_token, refresh_token } }),
    rotates: true,
    refused: { body: { message: 'Unauthorized', statusCode: 401 } },
    dead: [
      { status: 401, body: { message: 'Unauthorized', statusCode: 401 } },
      { status: 403, body: { message: 'Access Denied', error: 'Forbidden', statusCode: 403 } },
    ],
  },
  'Express with jsonwebtoken': {
    connect: express,
    lifetime: 15 * MINUTE,
    mint: signed,
    login: accessToken => ({ user: { id: 1 }, accessToken }),
    refresh: () => ({ url: `${SERVER}/api/auth/refresh`, json: {}, ...COOKIE }),
    answer: accessToken => ({ body: { accessToken } }),
    refused: { body: { message: 'jwt expired' } },
    dead: [
      { status: 403, body: { message: 'Forbidden' } },
      { status: 401, body: { message: 'Unauthorized' } },
    ],
  },
  'Express with @node-oauth/oauth2-server': oauth(`${SERVER}/oauth/token`, 3600, {
    connect: oauth2Server,
    mint: () => opaque('at'),
    refused: { headers: challenge('Bearer realm="Service",error="invalid_token"') },
    dead: [
      {
        status: 400,
        body: { error: 'invalid_grant', error_description: 'Invalid grant: refresh token is invalid' },
      },
    ],
  }),
  'Fastify with @fastify/jwt': {
    connect: fastify,
    lifetime: 10 * MINUTE,
    mint: signed,
    login: token => ({ token }),
    refresh: () => ({ url: `${SERVER}/refresh`, json: {}, ...COOKIE }),
    answer: token => ({ body: { token } }),
    refused: { body: fastifyError('FST_JWT_AUTHORIZATION_TOKEN_EXPIRED', 'Authorization token expired') },
    dead: [
      {
        status: 401,
        body: fastifyError('FST_JWT_AUTHORIZATION_TOKEN_EXPIRED', 'Authorization token expired'),
      },
      {
        status: 401,
        body: fastifyError(
          'FST_JWT_NO_AUTHORIZATION_IN_COOKIE',
          'No Authorization was found in request.cookies',
        ),
      },
    ],
  },
  'better-auth with its plug-in jwt': {
    connect: betterAuth,
    lifetime: 15 * MINUTE,
    mint: signed,
    refresh: () => ({ url: `${SERVER}/api/auth/token`, method: 'GET', ...COOKIE }),
    answer: token => ({ body: { token } }),
    refused: {},
    dead: [{ status: 401, body: { code: 'UNAUTHORIZED', message: 'Unauthorized' } }],
  },
  SuperTokens: {
    connect: superTokens,
    lifetime: HOUR,
    mint: signed,
    login: (accessToken, refreshToken) => ({ accessToken, refreshToken }),
    refresh: (_, refresh) => ({
      url: `${SERVER}/auth/session/refresh`,
      json: {},
      headers: { ...bearer(refresh), 'st-auth-mode': 'header' },
    }),
    answer: (access, refresh) => ({
      headers: { 'st-access-token': access, 'st-refresh-token': refresh, 'front-token': 'e30' },
    }),
    rotates: true,
    refused: { body: { message: 'try refresh token' } },
    dead: [
      { status: 401, body: { message: 'unauthorised' } },
      { status: 401, body: { message: 'token theft detected' } },
    ],
  },
  Strapi: {
    connect: strapi,
    lifetime: 7 * DAY,
    mint: lifetime => signed(lifetime, { userId: '1', sessionId: 's', type: 'access' }),
    login: (jwt, refreshToken) => ({ jwt, refreshToken, user: { id: 1 } }),
    refresh: (_, refreshToken) => ({ url: `${SERVER}/api/auth/refresh`, json: { refreshToken } }),
    answer: (jwt, refreshToken) => ({ body: { jwt, refreshToken } }),
    rotates: true,
    refused: { body: strapiError('Missing or invalid credentials') },
    dead: [{ status: 401, body: strapiError('Invalid refresh token') }],
  },
  Directus: {
    connect: directus,
    lifetime: 15 * MINUTE,
    // Opaque, so that `expires` alone tells the lifetime.
    mint: () => opaque('at'),
    login: (access_token, refresh_token) => ({ data: { access_token, refresh_token, expires: 900_000 } }),
    refresh: (_, refresh_token) => ({
      url: `${SERVER}/auth/refresh`,
      json: { mode: 'json', refresh_token },
    }),
    answer: (access_token, refresh_token) => ({
      body: { data: { access_token, refresh_token, expires: 900_000 } },
    }),
    rotates: true,
    refused: { body: directusError('Token expired.', 'TOKEN_EXPIRED') },
    dead: [
      { status: 401, body: directusError('Invalid user credentials.', 'INVALID_CREDENTIALS') },
      { status: 401, body: directusError('Token expired.', 'TOKEN_EXPIRED') },
    ],
  },
  PocketBase: {
    connect: pocketBase,
    lifetime: 7 * DAY,
    mint: lifetime =>
      jwt({
        collectionId: 'users',
        id: 'ada',
        refreshable: true,
        type: 'auth',
        exp: (Date.now() + lifetime) / SECOND,
      }),
    login: token => ({ token, record: { id: 'ada' } }),
    refresh: access => ({
      url: `${SERVER}/api/collections/users/auth-refresh`,
      json: {},
      headers: bearer(access),
    }),
    answer: token => ({ body: { token, record: { id: 'ada' } } }),
    isAheadOnly: true,
    dead: [
      {
        status: 401,
        body: { status: 401, message: 'The request requires valid record authorization token.', data: {} },
      },
    ],
  },
  Supabase: {
    connect: supabase,
    lifetime: HOUR,
    mint: signed,
    login: (access, refresh) => supabaseAnswer(access, refresh),
    refresh: (_, refresh_token) => ({
      url: `${SERVER}/auth/v1/token?grant_type=refresh_token`,
      json: { refresh_token },
      headers: { apikey: 'anon-key' },
    }),
    answer: (access, refresh) => ({ body: supabaseAnswer(access, refresh) }),
    rotates: true,
    refused: {
      headers: challenge('Bearer error="invalid_token", error_description="JWT expired"'),
      body: { code: 'PGRST303', message: 'JWT expired', details: null, hint: null },
    },
    dead: [
      {
        status: 400,
        body: {
          code: 400,
          error_code: 'refresh_token_not_found',
          msg: 'Invalid Refresh Token: Refresh Token Not Found',
        },
      },
      {
        status: 400,
        body: { code: 'refresh_token_already_used', message: 'Invalid Refresh Token: Already Used' },
      },
    ],
  },
  Firebase: {
    connect: firebase,
    lifetime: HOUR,
    mint: signed,
    login: (idToken, refreshToken) => ({ idToken, refreshToken, expiresIn: '3600', localId: 'ada' }),
    refresh: (_, refresh_token) => ({
      url: 'https://securetoken.googleapis.com/v1/token?key=API_KEY',
      form: { grant_type: 'refresh_token', refresh_token },
    }),
    answer: (id_token, refresh_token) => ({
      body: {
        id_token,
        refresh_token,
        expires_in: '3600',
        token_type: 'Bearer',
        user_id: 'ada',
        project_id: '1',
      },
    }),
    rotates: true,
    refused: { headers: challenge('Bearer realm="api", error="invalid_token"') },
    dead: ['TOKEN_EXPIRED', 'USER_DISABLED', 'INVALID_REFRESH_TOKEN'].map(message => ({
      status: 400,
      body: { error: { code: 400, message, status: 'INVALID_ARGUMENT' } },
    })),
  },
  'Amazon Cognito': oauth('https://shop.auth.eu-west-1.amazoncognito.com/oauth2/token', 3600, {
    connect: cognito,
    extra: { id_token: 'eyJ.eyJ.x' },
    rotates: false,
    refused: { body: { message: 'The incoming token has expired' } },
  }),
  'Amazon Cognito, API of user pools': {
    connect: cognitoUserPools,
    lifetime: HOUR,
    mint: signed,
    login: (access, refresh) => cognitoAnswer(access, refresh),
    refresh: (_, RefreshToken) => ({
      url: 'https://cognito-idp.eu-west-1.amazonaws.com/',
      json: { ClientId: 'spa', RefreshToken },
      type: AMAZON,
      headers: { 'x-amz-target': 'AWSCognitoIdentityProviderService.GetTokensFromRefreshToken' },
    }),
    answer: (access, refresh) => ({
      headers: { 'Content-Type': AMAZON },
      body: cognitoAnswer(access, refresh),
    }),
    rotates: true,
    refused: { body: { message: 'The incoming token has expired' } },
    dead: ['NotAuthorizedException', 'RefreshTokenReuseException'].map(__type => ({
      status: 400,
      headers: { 'Content-Type': AMAZON },
      body: { __type, message: 'Refresh Token has been revoked' },
    })),
  },
  Keycloak: oauth('https://id.example.com/realms/shop/protocol/openid-connect/token', 300, {
    connect: keycloak,
    extra: { refresh_expires_in: 1800, 'not-before-policy': 0, session_state: 's', scope: 'profile email' },
    refused: { headers: challenge('Bearer') },
    dead: [
      { status: 400, body: { error: 'invalid_grant', error_description: 'Token is not active' } },
      { status: 400, body: { error: 'invalid_grant', error_description: 'Session not active' } },
    ],
  }),
  Glewlwyd: oauth(`${SERVER}/api/oidc/token`, 3600, {
    connect: glewlwyd,
    extra: { token_type: 'bearer', iat: 1_768_478_400, scope: 'orders' },
    refused: {},
    dead: [{ status: 400 }],
  }),
  Auth0: oauth('https://shop.eu.auth0.com/oauth/token', 86_400, {
    connect: auth0,
    extra: { scope: 'openid profile offline_access' },
    refused: { headers: challenge('Bearer realm="api", error="invalid_token"') },
    dead: [
      {
        status: 403,
        body: { error: 'invalid_grant', error_description: 'Unknown or invalid refresh token.' },
      },
    ],
  }),
  'Microsoft Entra ID': oauth('https://login.microsoftonline.com/common/oauth2/v2.0/token', 3599, {
    connect: entraId,
    fields: { scope: 'api://shop/orders.read offline_access' },
    extra: { scope: 'api://shop/orders.read', ext_expires_in: 3599 },
    refused: { headers: challenge('Bearer error="invalid_token"') },
    dead: [
      {
        status: 400,
        body: { error: 'invalid_grant', error_description: 'AADSTS700084: …', error_codes: [700084] },
      },
      {
        status: 400,
        body: { error: 'interaction_required', error_description: 'AADSTS50076: …', error_codes: [50076] },
      },
    ],
  }),
}

/** As Django REST framework writes an instant. */
function isoAfter(milliseconds: number): string {
  return new Date(Date.now() + milliseconds).toISOString().replace('Z', '123Z')
}

function fastifyError(code: string, message: string): object {
  return { statusCode: 401, code, error: 'Unauthorized', message }
}

function cognitoAnswer(AccessToken: string, RefreshToken: string): object {
  return {
    AuthenticationResult: {
      AccessToken,
      RefreshToken,
      ExpiresIn: 3600,
      IdToken: 'eyJ.eyJ.x',
      TokenType: 'Bearer',
    },
    ChallengeParameters: {},
  }
}

function strapiError(message: string): object {
  return { data: null, error: { status: 401, name: 'UnauthorizedError', message, details: {} } }
}

function directusError(message: string, code: string): object {
  return { errors: [{ message, extensions: { code } }] }
}

function supabaseAnswer(access_token: string, refresh_token: string): object {
  const expires_at = Date.now() / SECOND + 3600
  return {
    access_token,
    token_type: 'bearer',
    expires_in: 3600,
    expires_at,
    refresh_token,
    user: { id: 'ada' },
  }
}
