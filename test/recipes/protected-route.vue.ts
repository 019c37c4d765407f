/** Vue Router: pages that need a login, and the way to the login page when a session has ended, and back. */
import type { Auth } from 'tokenflight'
import type { RouteLocation, Router } from 'vue-router'

const isForVisitors = ({ path, meta }: RouteLocation) => path === '/login' || meta['isPublic']

export function protect(router: Router, auth: Auth): void {
  router.beforeEach(async to => {
    await auth.ready
    if (isForVisitors(to) || auth.getState().status === 'authenticated') return true
    return { path: '/login', query: { from: to.fullPath } }
  })
  for (const end of ['sessionExpired', 'logout'] as const)
    auth.on(end, () => {
      const route = router.currentRoute.value
      if (!isForVisitors(route)) void router.push({ path: '/login', query: { from: route.fullPath } })
    })
}
// In the login page, after `await auth.login(tokens)`: router.push(String(route.query.from ?? '/'))
