/** A WebSocket and server-sent events, neither of which can set headers by itself. */
import type { Auth } from 'tokenflight'
import type { AuthFetch } from 'tokenflight/fetch'

/**
 * Sends a good token as the first message, and a newer one whenever there is one, so that the server can tell how long
 * the socket may live. Closes with the session, also when another user logs in. (A token in the URL would
 * end up in logs.)
 */
export async function openSocket(auth: Auth, url: string): Promise<WebSocket> {
  const socket = new WebSocket(url)
  const present = async (): Promise<void> => {
    const token = await auth.getAccessToken()
    if (!token) socket.close()
    // Before it is open, the end of this function does it.
    else if (socket.readyState === 1) socket.send(JSON.stringify({ token }))
  }
  const stops = [auth.on('refreshed', () => void present().catch(() => socket.close()))]
  // Another login is another user.
  for (const end of ['login', 'logout', 'sessionExpired'] as const)
    stops.push(auth.on(end, () => socket.close()))
  socket.addEventListener('close', () => {
    for (const stop of stops) stop()
  })
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  await present().catch(error => {
    socket.close()
    throw error
  })
  return socket
}

/** Server-sent events through `authFetch`, which takes care of expired tokens; `EventSource` cannot. */
export async function* readEvents(api: AuthFetch, url: string, signal?: AbortSignal): AsyncGenerator<string> {
  const response = await api(url, { headers: { Accept: 'text/event-stream' }, ...(signal && { signal }) })
  if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status}`)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      const events = (rest + chunk.value).split(/\r?\n\r?\n/)
      rest = events.pop() ?? ''
      for (const event of events) {
        const lines = event.split(/\r?\n/).filter(line => line.startsWith('data:'))
        if (lines.length) yield lines.map(line => line.replace(/^data: ?/, '')).join('\n')
      }
    }
  } finally {
    void reader.cancel().catch(() => {})
  }
}
