/** The tabs of the demo, among themselves: their number, and the controls that were used in each. */

/** The messages between tabs. */
export type Message =
  | { readonly type: 'hello' | 'here' | 'bye' }
  | { readonly type: 'control'; readonly title: string; readonly detail: string }
  /** Another way to keep the refresh token: every tab starts over. */
  | { readonly type: 'mode'; readonly mode: 'storage' | 'cookie' }
  /** Every tab sends so many requests. */
  | { readonly type: 'burst'; readonly size: number }

export interface Tabs {
  readonly others: ReadonlySet<string>
  tell(message: Message): void
  /** Messages of the others; `onChange` when one came or went. */
  listen(onMessage: (message: Message) => void, onChange: () => void): void
}

export function joinTabs(): Tabs {
  const own = crypto.randomUUID()
  const others = new Set<string>()
  const channel = new BroadcastChannel('tokenflight-demo-page')
  const tell = (message: Message) => channel.postMessage({ from: own, message })
  let onMessage = (_message: Message) => {}
  let onChange = () => {}
  channel.onmessage = ({ data }: MessageEvent<{ from: string; message: Message }>) => {
    const { from, message } = data
    const isKnown = others.has(from)
    if (message.type === 'bye') others.delete(from)
    else others.add(from)
    if (message.type === 'hello') tell({ type: 'here' })
    if (isKnown !== others.has(from)) onChange()
    onMessage(message)
  }
  addEventListener('pagehide', () => tell({ type: 'bye' }))
  addEventListener('pageshow', ({ persisted }) => persisted && tell({ type: 'hello' }))
  tell({ type: 'hello' })
  return {
    others,
    tell,
    listen(messages, changes) {
      onMessage = messages
      onChange = changes
    },
  }
}
