/** Sends visitors without a session to the login page. */
export default defineNuxtRouteMiddleware(({ path }) => {
  if (path === '/login') return
  if (import.meta.server) {
    // `access` ends with the access token, so its absence says nothing. `csrf` lives as long as the refresh token.
    const mayHaveSession = useCookie('access').value || useCookie('csrf').value
    return mayHaveSession ? undefined : navigateTo('/login')
  }
  // `loading` passes: the session is being restored. With an `error` the server was not reached.
  const state = useNuxtApp().$auth.getState()
  const isOver = state.status === 'expired' || (state.status === 'anonymous' && !state.error)
  return isOver ? navigateTo('/login') : undefined
})
