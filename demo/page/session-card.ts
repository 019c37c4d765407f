/** Who is logged in, how long the tokens last, and the login form. */
import { isAxiosError } from 'axios'
import type { Application } from './application.js'
import { find, onPress, setText } from './dom.js'
import type { Journal } from './journal.js'
import type { TokenMark } from './marks.js'

const passwords: Readonly<Record<string, string>> = { ada: 'lovelace', grace: 'hopper' }

export function showSession(application: Application, journal: Journal): void {
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
  setInterval(() => {
    showMeter('access', journal)
    showMeter('refresh', journal)
  }, 100)
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
    anonymous: () => 'Nobody is logged in',
    authenticated: () =>
      isIn ? `${state.claims?.name ?? state.claims?.sub ?? 'Somebody'} is logged in` : '',
    expired: () => 'The session is over. Log in again.',
  }
  setText(element, words[state.status]())
}

function showMeter(token: TokenMark['token'], journal: Journal): void {
  const meter = find(`${token}-meter`, HTMLElement)
  const now = Date.now()
  const mark = journal.latest(token)
  const isAlive = mark !== undefined && mark.cut === undefined && mark.end > now
  const left = isAlive ? mark.end - now : 0
  const lifetime = isAlive ? mark.end - mark.start : 1
  const value = meter.querySelector('.meter-value')
  const track = meter.querySelector<HTMLElement>('.track')
  if (value) setText(value, mark === undefined ? 'none' : isAlive ? formatLeft(left) : 'ended')
  track?.style.setProperty('--left', String(Math.min(1, left / lifetime)))
}

function formatLeft(ms: number): string {
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}

function explainLogin(error: unknown): string {
  if (isAxiosError(error)) {
    return error.response?.data?.error_description ?? 'The auth server cannot be reached'
  }
  return error instanceof Error ? error.message : String(error)
}
