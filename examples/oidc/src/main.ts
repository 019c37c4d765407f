import { finishLogin, logIn } from './login.js'
import { logOut } from './logout.js'
import { api, auth } from './session.js'
import { apiUrl } from './settings.js'
import { transfer } from './transfer.js'
import '../../style.css'

const find = (id: string): HTMLElement => document.getElementById(id) as HTMLElement

/** Runs the action of a button, and shows its error. */
async function run(action: () => Promise<unknown>): Promise<void> {
  find('problem').textContent = ''
  try {
    await action()
  } catch (error) {
    find('problem').textContent = (error as Error).message
  }
}

async function load(): Promise<void> {
  const response = await api(`${apiUrl}/me`)
  if (response.ok) find('user').textContent = (await response.json()).sub
}

async function makeTransfer(): Promise<void> {
  find('transfer-result').textContent = (await transfer()) ?? ''
}

let shown: string | undefined
function show(): void {
  const { status } = auth.getState()
  if (status === shown) return
  shown = status
  find('loading').hidden = status !== 'loading'
  find('visitor').hidden = status !== 'anonymous' && status !== 'expired'
  find('account').hidden = status !== 'authenticated'
  if (status === 'expired') find('problem').textContent = 'Your session has ended. Please log in again.'
  if (status === 'authenticated') void run(load)
}

for (const [id, action] of Object.entries({
  login: () => logIn(),
  logout: logOut,
  load,
  transfer: makeTransfer,
})) {
  find(id).addEventListener('click', () => void run(action))
}

await run(async () => {
  const task = await finishLogin()
  if (task === 'transfer') await makeTransfer()
})
auth.subscribe(show)
show()
