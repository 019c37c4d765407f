import { createRouter, createWebHistory } from 'vue-router'
import LoginPage from './LoginPage.vue'
import OrdersPage from './OrdersPage.vue'
import { auth } from './session.ts'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', component: OrdersPage },
    { path: '/login', component: LoginPage, meta: { isPublic: true } },
  ],
})

/** Every other page needs a login: without one, and when the session ends, the way leads to the login page. */
router.beforeEach(async to => {
  await auth.ready
  if (to.meta['isPublic'] || auth.getState().status === 'authenticated') return true
  return { path: '/login', query: { from: to.fullPath } }
})
for (const end of ['sessionExpired', 'logout'] as const) {
  auth.on(
    end,
    () => void router.push({ path: '/login', query: { from: router.currentRoute.value.fullPath } }),
  )
}
