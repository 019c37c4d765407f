// @ts-check
// The differences with tokenflight in the clients, each with its reason.

/** @type {{ suite: string, sessions: string[], reason: string, tests: string[] }[]} */
export const expected = [
  {
    suite: 'axios-browser',
    sessions: ['logged in'],
    reason: 'The test compares all headers of the request with its own list, and the token is one more.',
    tests: ['defaults should use header config'],
  },
  {
    suite: 'axios-mock-adapter',
    sessions: ['logged in'],
    reason: 'The mock compares all headers of the request with its own list, and the token is one more.',
    tests: ['MockAdapter basics can pass headers to match to a handler'],
  },
  {
    suite: 'axios-cache-interceptor',
    sessions: ['logged in'],
    reason:
      'The test compares all headers of the request that reaches the adapter, and the token is one more.',
    tests: ['Request Interceptor › Requests are made with CacheControl no-cache'],
  },
  {
    suite: 'ky',
    sessions: ['logged in'],
    reason:
      'The server answers each request with 401. tokenflight refreshes once and sends the request again: two arrive.',
    tests: ['hooks › afterResponse hook handles refresh endpoint returning 401'],
  },
]
