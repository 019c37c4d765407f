/** The options of the devtools. */
import type { Auth } from '../core/types.js'

/** The corner of the page that the button is in. */
export type DevtoolsPosition = 'bottom-right' | 'bottom-left' | 'top-right' | 'top-left'

/** Options of `mountDevtools`. */
export interface DevtoolsOptions {
  /**
   * The element that the panel becomes a part of. `@default` none: a button at the page's edge opens the panel, which
   * covers a part of the page
   */
  readonly container?: HTMLElement | undefined
  /** Whether the panel is open at first. `@default false`; in a container `true` */
  readonly open?: boolean | undefined
  /** Where the button is, and the edge that the panel is at. `@default 'bottom-right'` */
  readonly position?: DevtoolsPosition | undefined
}

/** The props of the component `AuthDevtools`. */
export interface AuthDevtoolsProps extends DevtoolsOptions {
  /**
   * Loads the devtools: `() => import('tokenflight/devtools')`. `@default` that, except in a production build
   * (`process.env.NODE_ENV`), which contains no code of the devtools
   */
  readonly load?: DevtoolsLoader | undefined
}

/** The part of `tokenflight/devtools` that a component mounts. */
export interface DevtoolsModule {
  /** Mounts the devtools for the session, and returns the remover. */
  mountDevtools<Claims>(auth: Auth<Claims>, options?: DevtoolsOptions): () => void
}

/** Loads `tokenflight/devtools`, or does not. */
export type DevtoolsLoader = () => Promise<DevtoolsModule> | undefined
