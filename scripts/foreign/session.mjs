// The session that the tests of another project run with, and the way to attach it. Runs in Node and in a page.

/** A session whose refresh brings a new token each time. */
export async function start(createAuth, session) {
  let version = 0
  const issue = () => {
    version += 1
    return { access_token: `access-${version}`, refresh_token: `refresh-${version}`, expires_in: 3600 }
  }
  const auth = createAuth({ refresh: async () => issue() })
  await auth.ready
  if (session === 'logged in') await auth.login(issue())
  return auth
}

/** The header of the token. Counts the requests that carry it, so that a suite cannot pass without tokenflight. */
export const counting = count => ({
  name: 'Authorization',
  format: token => {
    count()
    return `Bearer ${token}`
  },
})

/** Attaches an instance of axios, and those that it will create. */
export function attachEach(instance, attach) {
  attach(instance)
  const { create } = instance
  if (create) instance.create = (...defaults) => attachEach(create(...defaults), attach)
  return instance
}
