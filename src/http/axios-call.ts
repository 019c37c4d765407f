/** One call of axios: its attempts, and its waits within the limits that axios itself knows only while it sends. */
import {
  type AxiosAdapter,
  type AxiosError,
  AxiosHeaders,
  type AxiosProgressEvent,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import { ignore } from '../core/waiting.js'
import { createBodyError, restateTimeout, withAnswer } from './axios-error.js'
import { startLimit, type TimeLimit, unlessCancelled } from './axios-wait.js'
import { discard, isOneShot, type Repeated, whileIntact } from './body.js'
import type { Attempt, AttemptPlace, Call } from './call.js'
import { challengeOf, noteChallenge } from './challenge.js'
import { copyOf, handOver, isAnother, readings } from './config.js'
import { isForeign, type Origins } from './origins.js'
import { type CallProgress, createProgress } from './progress.js'
import { guardRedirects } from './redirects.js'
import type { Report } from './report.js'

type Config = InternalAxiosRequestConfig

/** The circumstances of a call. */
export interface CallContext {
  /** The application's own. */
  readonly config: Config
  readonly adapter: AxiosAdapter
  /** Makes the body of another attempt. Undefined: it is the body of the config. */
  readonly again: (() => Repeated) | undefined
  readonly isOneShot: boolean
  /** The application lets axios choose one of its own adapters. */
  readonly isNamed: boolean
  /** The origins that may see its token. */
  readonly origins: Origins
  /** The answers may hold tokens. */
  readonly collects: boolean
  readonly step: Report | undefined
  hasOwnCredentials(config: Config): boolean
}

export class AxiosCall implements Call<AxiosResponse> {
  readonly step: Report | undefined
  readonly isOneShot: boolean
  /** Its timeout, if every adapter can read it. A bad one is left to the adapter, which throws or ignores it. */
  readonly limit: TimeLimit | undefined
  private readonly context: CallContext
  private readonly upload: CallProgress<AxiosProgressEvent> | undefined
  private readonly download: CallProgress<AxiosProgressEvent> | undefined
  private hasWaited = false
  private isSent = false

  constructor(context: CallContext) {
    const { timeout, onUploadProgress, onDownloadProgress } = context.config
    const duration = ['number', 'string'].includes(typeof timeout) ? Number(timeout) : 0
    this.context = context
    this.step = context.step
    this.isOneShot = context.isOneShot
    this.limit = duration > 0 ? startLimit(duration) : undefined
    this.upload = onUploadProgress && createProgress(onUploadProgress)
    this.download = onDownloadProgress && createProgress(onDownloadProgress)
  }

  get url(): string {
    return readings(this.context.config).pop() as string
  }

  get method(): string {
    return (this.context.config.method ?? 'get').toUpperCase()
  }

  hasOwnCredentials(): boolean {
    return this.context.hasOwnCredentials(this.context.config)
  }

  async send(
    tokens: Record<string, string> | undefined,
    { isReplay, mayFollow }: AttemptPlace,
  ): Promise<Attempt<AxiosResponse>> {
    const { config, adapter, origins, again: repeated } = this.context
    if (!tokens && !isReplay && !mayFollow && !this.limit) return pass(adapter, config)
    // A copy leaves. The application may look at its config, share it, report it and send it again.
    const own = copyOf(config)
    own.headers = Object.assign(new AxiosHeaders(), config.headers)
    // A `DPoP` header of the application, in any case, would be a second proof.
    if (tokens?.['DPoP']) own.headers.delete('DPoP')
    Object.assign(own.headers, tokens)
    const again = this.isSent ? repeated?.() : undefined
    this.isSent = true
    if (again) {
      own.data = again.data
      own.headers.set(again.headers)
    }
    const names = Object.keys(tokens ?? {})
    const isAway = tokens && guardRedirects(own, names, this.context)
    const { response, failure, end } = await this.callAdapter(own, tokens, isReplay || !mayFollow)
    // An answer that streams may fail later, with an error that names the config that left.
    if (isOneShot(response?.data)) own.headers.delete(names)
    // A browser follows redirects by itself.
    const landed: string | undefined = response?.request?.responseURL
    return {
      response,
      isUnrelated: !!isAway?.() || (!!landed && isForeign(origins, landed, origins[0])),
      finish() {
        end(true)
        if (!failure) return response as AxiosResponse
        const challenge = challengeOf(response)
        if (challenge) noteChallenge(failure.error, challenge)
        throw failure.error
      },
      discard() {
        discard(response?.data)
        end(false)
      },
    }
  }

  wait<T>(promise: Promise<T>): Promise<T> {
    this.hasWaited = true
    return unlessCancelled(promise, this.context.config, this.limit, this.isFetch)
  }

  waitToSend<T>(promise: Promise<T>): Promise<T> {
    const { config } = this.context
    const explain = (cause: unknown): AxiosError => createBodyError(config, this.isFetch, cause)
    return whileIntact(config.data, this.wait(promise), explain)
  }

  /** Newer versions of axios make an adapter on `fetch` for each `fetch`, without its name. */
  private get isFetch(): boolean {
    const { adapter, isNamed } = this.context
    const { adapterName = isNamed && 'fetch' } = adapter as { adapterName?: string }
    return adapterName === 'fetch'
  }

  /** Sends the copy. Its outcome becomes the application's. */
  private async callAdapter(
    own: Config,
    tokens: Record<string, string> | undefined,
    isShown: boolean,
  ): Promise<Outcome> {
    const { config, adapter } = this.context
    const rest = this.hasWaited ? this.limit?.rest() : undefined
    if (rest) own.timeout = rest
    const upload = this.upload?.(isShown)
    const download = this.download?.(isShown)
    if (upload) own.onUploadProgress = upload.listener
    if (download) own.onDownloadProgress = download.listener
    const end = (isOutcome: boolean): void => {
      upload?.end(isOutcome)
      download?.end(isOutcome)
    }
    const isOther = (sent: object): boolean => isAnother(sent, own, tokens)
    try {
      const response = await adapter(own)
      handOver(response, config, isOther)
      return { response, end }
    } catch (thrown) {
      const error = withAnswer(thrown)
      if (rest) restateTimeout(error, rest, config)
      const { response, cause } = (error ?? {}) as { response?: AxiosResponse; cause?: AxiosError }
      // Some versions of axios wrap their own errors, and some adapters do.
      for (const each of [error, cause, cause?.response, response]) handOver(each, config, isOther)
      return { response, failure: { error }, end }
    }
  }
}

interface Outcome {
  readonly response: AxiosResponse | undefined
  readonly failure?: { readonly error: unknown }
  /** Shows the progress of the attempt that is the outcome, or nothing more of a rejected one. */
  readonly end: (isOutcome: boolean) => void
}

/** Without a token to add, the adapter gets the config object of the application itself. */
async function pass(adapter: AxiosAdapter, config: Config): Promise<Attempt<AxiosResponse>> {
  const response = await adapter(config)
  return { response, isUnrelated: true, finish: () => response, discard: ignore }
}
