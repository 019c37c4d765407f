import { createFetch } from 'ofetch'
import { type Auth, type AuthState, createAuth } from 'tokenflight'
import { authFetch } from 'tokenflight/fetch'
import { createAuthPlugin } from 'tokenflight/vue'
import { openSession } from '../session/browser'

export default defineNuxtPlugin({
  name: 'session',
  async setup(nuxt) {
    // The state that the server showed. It travels to the browser with the page, and never holds a token.
    const shown = useState<AuthState>('session', () => ({ status: 'loading' }))
    const auth = import.meta.server ? await openOnServer(useCookie('access').value) : openSession()
    if (import.meta.server) {
      shown.value = whatToShow(auth)
      // Once more after the data: the API decides whether the token is good.
      nuxt.hook('app:rendered', () => {
        shown.value = whatToShow(auth)
      })
    }
    // On the server the components show the state as it is when they are rendered.
    const options = import.meta.server ? {} : { serverState: shown.value }
    nuxt.vueApp.use(createAuthPlugin(auth, options))
    return { provide: { auth, api: createApi(auth) } }
  },
})

/** The session of one request. Without `refresh`: a page that is being rendered could not hand new cookies on. */
async function openOnServer(accessToken: string | null | undefined): Promise<Auth> {
  const auth = createAuth()
  // A cookie that is no token is the same as no cookie.
  if (accessToken) await auth.login({ accessToken }).catch(() => {})
  return auth
}

/** A session that is over on the server may go on in the browser, which has the refresh token. */
function whatToShow(auth: Auth): AuthState {
  const state = auth.getState()
  return state.status === 'authenticated' ? state : { status: 'loading' }
}

/** `$fetch` with the session: `/api/orders` of this origin in the browser, and of the back end on the server. */
function createApi(auth: Auth): typeof $fetch {
  const baseURL = import.meta.server ? useRuntimeConfig().server : location.origin
  return createFetch({
    fetch: authFetch(auth, { allowedOrigins: [new URL(baseURL).origin] }),
    // `authFetch` has sent a request again where that helps.
    defaults: { baseURL, retry: false },
  }) as typeof $fetch
}
