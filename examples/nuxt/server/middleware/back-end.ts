/** The pages and the back end share an origin, so its cookies are first-party cookies. */
export default defineEventHandler(event => {
  if (!/^\/(auth|api)\//.test(event.path)) return
  return proxyRequest(event, useRuntimeConfig(event).server + event.path)
})
