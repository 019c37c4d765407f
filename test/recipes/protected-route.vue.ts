/** Vue Router: pages that need a login, and the way to the login page when a session has ended, and back. */
import type { Auth } from 'tokenflight'
import type { Router } from 'vue-router'

export function protect(router: Router, auth: Auth): void {
  router.beforeEach(async to => {
    await auth.ready
    if (to.meta['isPublic'] || auth.getState().status === 'authenticated') return true
    return { path: '/login', query: { from: to.fullPath } }
  })
  for (const end of ['sessionExpired', 'logout'] as const)
    auth.on(end, () => {
      const { fullPath, meta } = router.currentRoute.value
      if (!meta['isPublic']) void router.push({ path: '/login', query: { from: fullPath } })
    })
}
// In the login page, after `await auth.login(tokens)`: router.push(String(route.query.from ?? '/'))
