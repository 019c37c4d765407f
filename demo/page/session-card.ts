/** Who is logged in, and the login form. */
import { isAxiosError } from 'axios'
import type { Application } from './application.js'
import { find, onPress, setText } from './dom.js'

const passwords: Readonly<Record<string, string>> = { ada: 'lovelace', grace: 'hopper' }

export function showSession(application: Application): void {
  const form = find('login', HTMLFormElement)
  const problem = find('login-problem', HTMLElement)
  const username = form.elements.namedItem('username') as HTMLSelectElement
  const password = form.elements.namedItem('password') as HTMLInputElement

  username.addEventListener('change', () => {
    password.value = passwords[username.value] ?? ''
  })
  form.addEventListener('submit', event => {
    event.preventDefault()
    setText(problem, '')
    application.session.logIn(username.value, password.value).catch(error => {
      setText(problem, explainLogin(error))
    })
  })
  onPress('logout', () => application.session.auth.logout())
  application.mount(({ session }) => {
    const show = () => showState(session, form)
    show()
    return session.auth.subscribe(show)
  })
}

function showState({ auth }: Application['session'], form: HTMLFormElement): void {
  const state = auth.getState()
  const element = find('session-state', HTMLElement)
  const isIn = state.status === 'authenticated'
  element.dataset.status = state.status
  form.hidden = isIn || state.status === 'loading'
  find('logout', HTMLButtonElement).hidden = !isIn
  const words = {
    loading: () => 'Restoring the session',
    anonymous: () => 'No user is logged in',
    authenticated: () => (isIn ? `${state.claims?.name ?? state.claims?.sub ?? 'A user'} is logged in` : ''),
    expired: () => 'The session is over. Log in again.',
  }
  setText(element, words[state.status]())
}

function explainLogin(error: unknown): string {
  if (isAxiosError(error)) {
    return error.response?.data?.error_description ?? 'The auth server cannot be reached'
  }
  return error instanceof Error ? error.message : String(error)
}
