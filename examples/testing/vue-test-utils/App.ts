import { isSessionExpired } from 'tokenflight'
import { useAuth } from 'tokenflight/vue'
import { defineComponent, h, onMounted, type PropType, ref } from 'vue'
import { loadShelves, type Session, signIn } from '../shop/session.js'

const session = { type: Object as PropType<Session>, required: true as const }
const button = (text: string, onClick: () => unknown) => h('button', { onClick }, text)

const Shelves = defineComponent({
  props: { session },
  setup(props) {
    const { refresh, logout } = useAuth()
    const shelves = ref<string[]>()
    const hasFailed = ref(false)
    const load = async () => {
      shelves.value = undefined
      hasFailed.value = false
      try {
        shelves.value = await loadShelves(props.session)
      } catch (error) {
        hasFailed.value = !isSessionExpired(error)
      }
    }
    const tryAgain = () => refresh().then(load, () => {})
    onMounted(load)
    return () =>
      hasFailed.value
        ? [h('p', { role: 'alert' }, 'The server cannot be reached'), button('Try again', tryAgain)]
        : [
            h('p', shelves.value?.join(', ') ?? 'Loading…'),
            button('Reload', load),
            button('Sign out', () => logout()),
          ]
  },
})

/** The application under test. */
export const App = defineComponent({
  props: { session },
  setup(props) {
    const { status, login } = useAuth()
    const enter = () => signIn(props.session).then(login)
    return () => {
      if (status.value === 'loading') return h('p', 'One moment…')
      if (status.value === 'authenticated') return h(Shelves, { session: props.session })
      const ended = status.value === 'expired' && h('p', { role: 'alert' }, 'Your session has ended')
      return [ended, button('Sign in', enter)]
    }
  },
})
