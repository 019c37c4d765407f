/** socket.io: each handshake carries a good token. */
import { io, type Socket } from 'socket.io-client'
import type { Auth } from 'tokenflight'

/** The socket closes with the session, also when another user logs in. `refusal` is the server's word for a bad token. */
export function openSocketIo(auth: Auth, url: string, refusal = 'unauthorized'): Socket {
  let sent: string | undefined
  let isRenewed = false
  const stops = (['login', 'logout', 'sessionExpired'] as const).map(end => auth.on(end, close))
  function close(): void {
    for (const stop of stops) stop()
    socket.disconnect()
  }
  const socket = io(url, {
    auth: present => {
      const send = (token?: string): void => {
        sent = token
        present({ token })
      }
      auth.getAccessToken().then(send, close)
    },
  })
  socket.on('connect', () => {
    isRenewed = false
  })
  socket.on('connect_error', async ({ message }) => {
    // After any other error socket.io connects again by itself.
    if (message !== refusal || isRenewed) return
    isRenewed = true
    try {
      // Another socket may have brought a newer token meanwhile.
      if ((await auth.getAccessToken()) === sent) await auth.refresh()
      socket.connect()
    } catch {
      close()
    }
  })
  socket.on('disconnect', reason => {
    if (reason === 'io client disconnect') close()
  })
  return socket
}
