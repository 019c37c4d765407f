/** The tabs of the demo, among themselves: who is there, what each did. tokenflight has its own channel. */
import type { RequestMark } from './marks.js'

/** What tabs tell each other. */
export type Message =
  | { readonly type: 'hello' | 'here' | 'bye' }
  | { readonly type: 'begin'; readonly mark: Pick<RequestMark, 'id' | 'lane' | 'start'> }
  | {
      readonly type: 'finish'
      readonly mark: Pick<RequestMark, 'id' | 'outcome'> &
        Partial<Pick<RequestMark, 'end' | 'status' | 'message'>>
    }
  | {
      readonly type: 'control'
      readonly title: string
      readonly detail: string
      readonly cuts?: 'access' | 'refresh'
    }
  /** Another way to keep the refresh token: every tab starts over. */
  | { readonly type: 'mode'; readonly mode: 'storage' | 'cookie' }
  /** Every tab sends so many requests. */
  | { readonly type: 'burst'; readonly size: number }

export interface Tabs {
  /** `t1`, `t2`, …: the smallest number that was free. */
  readonly own: string
  /** The others, `t2` and so on. */
  readonly others: ReadonlySet<string>
  tell(message: Message): void
  /** Messages of the others; `onChange` when one came or went. */
  listen(onMessage: (message: Message, from: string) => void, onChange: () => void): void
}

const channelName = 'tokenflight-demo-page'

/** Takes a number and says hello. */
export async function joinTabs(): Promise<Tabs> {
  const own = `t${await takeNumber()}`
  const others = new Set<string>()
  const channel = new BroadcastChannel(channelName)
  const tell = (message: Message) => channel.postMessage({ from: own, message })
  let onMessage = (_message: Message, _from: string) => {}
  let onChange = () => {}
  channel.onmessage = ({ data }: MessageEvent<{ from: string; message: Message }>) => {
    const { from, message } = data
    const isKnown = others.has(from)
    if (message.type === 'bye') others.delete(from)
    else others.add(from)
    if (message.type === 'hello') tell({ type: 'here' })
    if (isKnown !== others.has(from)) onChange()
    onMessage(message, from)
  }
  addEventListener('pagehide', () => tell({ type: 'bye' }))
  addEventListener('pageshow', ({ persisted }) => persisted && tell({ type: 'hello' }))
  tell({ type: 'hello' })
  return {
    own,
    others,
    tell,
    listen(messages, changes) {
      onMessage = messages
      onChange = changes
    },
  }
}

/** A number that no other tab has, held for the life of this one. */
async function takeNumber(): Promise<number> {
  // No Web Locks on an insecure origin: then each tab calls itself the first.
  if (!navigator.locks) return 1
  for (let number = 1; ; number += 1) {
    const isMine = await new Promise<boolean>(resolve => {
      void navigator.locks.request(`tokenflight-demo-tab-${number}`, { ifAvailable: true }, lock => {
        resolve(lock !== null)
        return lock ? new Promise<void>(() => {}) : undefined
      })
    })
    if (isMine) return number
  }
}
