/** One attempt of a call of axios. */
import type {
  AxiosAdapter,
  AxiosError,
  AxiosProgressEvent,
  AxiosResponse,
  InternalAxiosRequestConfig,
} from 'axios'
import { ignore } from '../core/waiting.js'
import { restateTimeout, withAnswer } from './axios-error.js'
import { discard, isStream } from './body.js'
import type { Attempt } from './call.js'
import { challengeOf, noteChallenge } from './challenge.js'
import { handOver } from './config.js'
import { isForeign, type Origins } from './origins.js'
import type { AttemptProgress, CallProgress } from './progress.js'
import { guardRedirects } from './redirects.js'

type Config = InternalAxiosRequestConfig

/** The circumstances that all attempts of a call share. */
export interface AttemptContext {
  /** The application's own. */
  readonly config: Config
  readonly adapter: AxiosAdapter
  /** The origins that may see its token. */
  readonly origins: Origins
  /** The answers may hold tokens. */
  readonly collects: boolean
}

/** The call that an attempt belongs to. */
interface Sender {
  readonly context: AttemptContext
  readonly upload: CallProgress<AxiosProgressEvent> | undefined
  readonly download: CallProgress<AxiosProgressEvent> | undefined
}

/** An attempt that sends a copy of the config, and whose outcome becomes the application's. */
export class AxiosAttempt implements Attempt<AxiosResponse> {
  response: AxiosResponse | undefined
  /** Set when it was sent. */
  declare isUnrelated: boolean
  /** The config that leaves. */
  readonly own: Config
  readonly tokens: Record<string, string> | undefined
  private readonly context: AttemptContext
  private readonly upload: AttemptProgress<AxiosProgressEvent> | undefined
  private readonly download: AttemptProgress<AxiosProgressEvent> | undefined
  private failure: { readonly error: unknown } | undefined

  /** @param isShown the application sees its progress at once, because no other attempt may follow */
  constructor(call: Sender, own: Config, tokens: AxiosAttempt['tokens'], isShown: boolean) {
    this.own = own
    this.tokens = tokens
    this.context = call.context
    this.upload = call.upload?.(isShown)
    this.download = call.download?.(isShown)
  }

  /** @param rest the time that is left, milliseconds; undefined: the timeout of the config */
  async send(rest: number | undefined): Promise<this> {
    const { context, own, tokens, upload, download } = this
    const { config, adapter, origins } = context
    const names = Object.keys(tokens ?? {})
    const wasRedirectedAway = tokens && guardRedirects(own, names, context)
    if (rest) own.timeout = rest
    if (upload) own.onUploadProgress = upload.listener
    if (download) own.onDownloadProgress = download.listener
    try {
      this.response = await adapter(own)
      handOver(this.response, config, this)
    } catch (thrown) {
      const error = withAnswer(thrown)
      if (rest) restateTimeout(error, rest, config)
      const { response, cause } = (error ?? {}) as { response?: AxiosResponse; cause?: AxiosError }
      // Some versions of axios wrap their own errors, and some adapters do.
      for (const each of [error, cause, cause?.response, response]) handOver(each, config, this)
      this.response = response
      this.failure = { error }
    }
    // An answer that streams may fail later, with an error that names the config that left.
    if (isStream(this.response?.data)) own.headers.delete(names)
    // A browser follows redirects by itself.
    const landed: string | undefined = this.response?.request?.responseURL
    this.isUnrelated = !!wasRedirectedAway?.() || (!!landed && isForeign(origins, landed, origins[0]))
    return this
  }

  finish(): AxiosResponse {
    this.end(true)
    const { response, failure } = this
    if (!failure) return response as AxiosResponse
    const challenge = challengeOf(response)
    if (challenge) noteChallenge(failure.error, challenge)
    throw failure.error
  }

  discard(): void {
    discard((this.response as AxiosResponse).data)
    this.end(false)
  }

  /** Shows the progress of the attempt that is the outcome, or nothing more of a rejected one. */
  private end(isOutcome: boolean): void {
    this.upload?.end(isOutcome)
    this.download?.end(isOutcome)
  }
}

/** Without a token to add, the adapter gets the config object of the application itself. */
export async function pass(adapter: AxiosAdapter, config: Config): Promise<Attempt<AxiosResponse>> {
  const response = await adapter(config)
  return { response, finish: () => response, discard: ignore }
}
