/**
 * The engine: one session, its storages, its refresh presets and its errors. This file is the list of public names.
 * @module tokenflight
 */
export { createAuth } from './core/auth.js'
export {
  AuthError,
  type AuthErrorCode,
  isAuthError,
  isSessionExpired,
  RefreshFailedError,
  SessionExpiredError,
  SignedOutError,
} from './core/errors.js'
export { spread } from './core/spread.js'
export { memoryStorage } from './core/storage.js'
export { decodeToken } from './core/tokens.js'
export type {
  AnonymousState,
  Auth,
  AuthEvent,
  AuthEvents,
  AuthenticatedState,
  AuthLock,
  AuthOptions,
  AuthState,
  Clock,
  Dpop,
  ExpiredState,
  FailureClass,
  GetAccessTokenOptions,
  JwtClaims,
  LoadingState,
  LoginOptions,
  LogoutContext,
  RefreshContext,
  RefreshFailure,
  RefreshFunction,
  RefreshReason,
  RequestEvent,
  RetryOptions,
  SessionEndReason,
  Spread,
  SpreadDeadlines,
  TokenResponse,
  TokenStorage,
} from './core/types.js'
export { challengeOf } from './http/challenge.js'
export { collectTokens, type Renewal, type ServerRenewalOptions, serverRenewal } from './http/renewal.js'
export { type OAuth2RefreshOptions, oauth2Refresh } from './refresh/oauth2-refresh.js'
export { type OAuth2RevokeOptions, oauth2Revoke } from './refresh/oauth2-revoke.js'
export { type RefreshRequestOptions, refreshRequest } from './refresh/refresh-request.js'
export { type CookieSessionOptions, cookieSession } from './shared/cookie-session.js'
export { type IndexedDBStorageOptions, indexedDBStorage } from './shared/indexed-db-storage.js'
export { type SharedStorageOptions, sharedStorage } from './shared/shared-storage.js'
export { type WebStorageOptions, webStorage } from './shared/web-storage.js'
