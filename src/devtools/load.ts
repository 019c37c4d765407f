/** Loading the devtools from a component: late, and not at all in a production build. */
import type { Auth } from '../core/types.js'
import type { AuthDevtoolsProps, DevtoolsLoader } from './options.js'

/** Loads the devtools and mounts them, unless they were removed before that. Returns the remover. */
export function loadDevtools<Claims>(
  auth: Auth<Claims>,
  { load = loadInDevelopment, ...options }: AuthDevtoolsProps,
): () => void {
  let isGone = false
  let remove: (() => void) | undefined
  void load()?.then(({ mountDevtools }) => {
    if (!isGone) remove = mountDevtools(auth, options)
  })
  return () => {
    isGone = true
    remove?.()
  }
}

declare const process: { readonly env: { readonly NODE_ENV?: string } }

/** A bundler that builds for production leaves the import out. */
function loadInDevelopment(): ReturnType<DevtoolsLoader> {
  try {
    return process.env.NODE_ENV === 'production' ? undefined : import('tokenflight/devtools')
  } catch {
    // No bundler has named the environment.
    return undefined
  }
}
