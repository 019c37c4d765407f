/** A WebSocket and server-sent events, neither of which can set headers by itself. */
import type { Auth } from 'tokenflight'
import type { AuthFetch } from 'tokenflight/fetch'

/**
 * Sends a good token as the first message, and a newer one whenever there is one, so that the server can tell how long
 * the socket may live. Closes with the session. (A token in the URL would end up in logs.)
 */
export async function openSocket(auth: Auth, url: string): Promise<WebSocket> {
  const socket = new WebSocket(url)
  const present = async (): Promise<void> =>
    socket.send(JSON.stringify({ token: await auth.getAccessToken() }))
  const stops = [auth.on('refreshed', () => void present().catch(() => socket.close()))]
  for (const end of ['logout', 'sessionExpired'] as const) stops.push(auth.on(end, () => socket.close()))
  socket.addEventListener('close', () => {
    for (const stop of stops) stop()
  })
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  await present()
  return socket
}

/** Server-sent events through `authFetch`, which takes care of expired tokens; `EventSource` cannot. */
export async function* readEvents(api: AuthFetch, url: string, signal?: AbortSignal): AsyncGenerator<string> {
  const response = await api(url, { headers: { Accept: 'text/event-stream' }, ...(signal && { signal }) })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
    const events = (rest + chunk.value).split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) yield event.replace(/^data: ?/gm, '')
  }
}
