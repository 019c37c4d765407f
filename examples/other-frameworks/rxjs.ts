import { Observable } from 'rxjs'
import type { Auth, AuthState } from 'tokenflight'

export function toObservable(auth: Auth): Observable<AuthState> {
  return new Observable(subscriber => {
    subscriber.next(auth.getState())
    return auth.subscribe(() => subscriber.next(auth.getState()))
  })
}
