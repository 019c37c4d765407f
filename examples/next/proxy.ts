import { type NextRequest, NextResponse } from 'next/server'

/** Sends visitors without a session to the login page. */
export function proxy({ cookies, url }: NextRequest) {
  // `access` ends with the access token, so its absence says nothing. `csrf` lives as long as the refresh token.
  const mayHaveSession = cookies.has('access') || cookies.has('csrf')
  return mayHaveSession ? NextResponse.next() : NextResponse.redirect(new URL('/login', url))
}

export const config = { matcher: ['/', '/account'] }
