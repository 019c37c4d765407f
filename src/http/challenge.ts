/** Reading `WWW-Authenticate` (RFC 9110 section 11.6.1). */

/** Whether a challenge says that a new token of the same scope would not help (RFC 6750 section 3.1). */
export function isInsufficientScope(header: string): boolean {
  // A quoted string is one token, so that what is said inside it is not taken for a parameter.
  // Whatever begins to match does match, so that no text is read twice.
  for (const [, name, quoted, plain] of header.matchAll(
    /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\[\s\S])*)"?|([^\s,"]*)))?|"(?:[^"\\]|\\[\s\S])*"?/g,
  )) {
    if (name?.toLowerCase() === 'error' && (quoted ?? plain) === 'insufficient_scope') return true
  }
  return false
}
