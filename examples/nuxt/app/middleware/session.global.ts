/** Sends visitors without a session to the login page. */
export default defineNuxtRouteMiddleware(({ path }) => {
  if (path === '/login') return
  if (import.meta.server) {
    // `access` ends with the access token, so its absence says nothing. `csrf` lives as long as the refresh token.
    const mayHaveSession = useCookie('access').value || useCookie('csrf').value
    return mayHaveSession ? undefined : navigateTo('/login')
  }
  const { $auth, isHydrating } = useNuxtApp()
  // The page of the server is taken over first. Then `app.vue` leaves it.
  if (isHydrating) return
  // `loading` passes: the session is being restored. With an `error` the server was not reached.
  const state = $auth.getState()
  const isOver = state.status === 'expired' || (state.status === 'anonymous' && !state.error)
  return isOver ? navigateTo('/login') : undefined
})
