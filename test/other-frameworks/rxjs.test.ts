/** RxJS, with the lines of the guide. */
import { distinctUntilChanged, map } from 'rxjs'
import { expect, it } from 'vitest'
import { toObservable } from '../../examples/other-frameworks/rxjs.js'
import { session, tokens } from '../support/hooks.js'

it('gives the state of now, then each change, and ends its subscription when it is unsubscribed', async () => {
  const auth = session()
  const statuses: string[] = []
  const subscription = toObservable(auth)
    .pipe(
      map(({ status }) => status),
      distinctUntilChanged(),
    )
    .subscribe(status => void statuses.push(status))
  await auth.login(tokens())
  await auth.logout()
  expect([statuses, auth.listeners]).toEqual([['anonymous', 'authenticated', 'anonymous'], 1])
  subscription.unsubscribe()
  expect(auth.listeners).toBe(0)
})
