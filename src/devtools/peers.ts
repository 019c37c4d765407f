/** The devtools of the other tabs. They send their recorded notes, and each new one, only while a panel asks for them. */
import type { Note } from './notes.js'
import type { Recorder } from './recorder.js'

export interface Peer {
  /** Its number in this tab, from 2. */
  readonly number: number
  /** The path of its page. */
  path: string
}

export interface Peers {
  readonly others: ReadonlyMap<string, Peer>
  /** Asks for the notes of the others while the panel is open. Returns a function that stops it. */
  watch(onNote: (note: Note, tab: string) => void): () => void
  close(): void
}

type Message =
  | { readonly type: 'ask' | 'enough' | 'bye' }
  | { readonly type: 'notes'; readonly notes: readonly Note[]; readonly path: string }

/** How often a panel asks again, and how long an answer to it goes on, milliseconds. */
const again = 10_000
const lasting = 25_000
/** The number of notes that are sent to a panel that has just been opened. */
const backlog = 500

export function joinPeers(name: string, recorder: Recorder): Peers {
  const own = Math.random().toString(36).slice(2)
  const others = new Map<string, Peer>()
  /** The tabs that asked, and how long each gets notes. */
  const asking = new Map<string, number>()
  let panel: ((note: Note, tab: string) => void) | undefined
  let known = 1
  // Not every page has channels, and an opaque origin cannot share one.
  const channel = openChannel(`tokenflight:${name}:devtools`)
  const tell = (message: Message): void => channel?.postMessage({ from: own, message })
  const tellNotes = (notes: readonly Note[]): void => tell({ type: 'notes', notes, path: location.pathname })

  const hear = (from: string, message: Message): void => {
    if (message.type === 'ask') {
      const isNew = !asking.has(from)
      asking.set(from, Date.now() + lasting)
      if (isNew) tellNotes(recorder.notes.slice(-backlog))
    } else if (message.type === 'notes') {
      const { notes, path } = message
      const peer = others.get(from)
      if (peer) peer.path = path
      else others.set(from, { number: ++known, path })
      for (const note of notes) panel?.(note, from)
    } else {
      asking.delete(from)
      if (message.type === 'bye') others.delete(from)
    }
  }
  const onMessage = ({ data }: MessageEvent<{ from: string; message: Message }>): void =>
    hear(data.from, data.message)
  channel?.addEventListener('message', onMessage)
  const leave = (): void => tell({ type: 'bye' })
  addEventListener('pagehide', leave)
  const stopListening = recorder.listen(note => {
    const now = Date.now()
    for (const [tab, until] of asking) if (until < now) asking.delete(tab)
    if (asking.size) tellNotes([note])
  })
  return {
    others,
    watch(onNote) {
      panel = onNote
      const ask = (): void => tell({ type: 'ask' })
      const timer = setInterval(ask, again)
      ask()
      return () => {
        panel = undefined
        clearInterval(timer)
        tell({ type: 'enough' })
      }
    },
    close() {
      leave()
      stopListening()
      removeEventListener('pagehide', leave)
      channel?.close()
    },
  }
}

function openChannel(name: string): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel(name)
  } catch {
    return undefined
  }
}
