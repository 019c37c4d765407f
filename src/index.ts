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
export { type IndexedDBStorageOptions, indexedDBStorage } from './core/indexed-db.js'
export { memoryStorage, type WebStorageOptions, webStorage } from './core/storage.js'
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
  ExpiredState,
  FailureClass,
  GetAccessTokenOptions,
  JwtClaims,
  LoadingState,
  LogoutContext,
  RefreshContext,
  RefreshFailure,
  RefreshFunction,
  RefreshReason,
  RequestEvent,
  RetryOptions,
  SessionEndReason,
  TokenResponse,
  TokenStorage,
  Tokens,
} from './core/types.js'
export { type OAuth2RefreshOptions, oauth2Refresh } from './refresh/oauth2-refresh.js'
export { type OAuth2RevokeOptions, oauth2Revoke } from './refresh/oauth2-revoke.js'
export { type RefreshRequestOptions, refreshRequest } from './refresh/refresh-request.js'
