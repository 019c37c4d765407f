/** One call of axios: its attempts, and its waits within the limits that axios itself knows only while it sends. */
import {
  type AxiosError,
  AxiosHeaders,
  type AxiosProgressEvent,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios'
import { type AttemptContext, AxiosAttempt, pass } from './axios-attempt.js'
import { createBodyError } from './axios-error.js'
import { startLimit, type TimeLimit, unlessCancelled } from './axios-wait.js'
import { copyOfForm, type Repeated } from './body.js'
import type { Attempt, AttemptPlace, Call } from './call.js'
import { copyOf, type Target, urlOf } from './config.js'
import { type CallProgress, createProgress } from './progress.js'
import type { Report } from './report.js'
import { whileIntact } from './waiting-body.js'

type Config = InternalAxiosRequestConfig

/** The circumstances of a call. */
export interface CallContext extends AttemptContext {
  /** Makes the body of another attempt. Undefined: it is the body of the config. */
  readonly repeatBody: (() => Repeated) | undefined
  readonly isOneShot: boolean
  /** The application lets axios choose one of its own adapters. */
  readonly isNamed: boolean
  readonly step: Report | undefined
  hasOwnCredentials(config: Config): boolean
}

export class AxiosCall implements Call<AxiosResponse> {
  readonly step: Report | undefined
  readonly isOneShot: boolean
  /** Its timeout, if every adapter can read it. A bad one is left to the adapter, which throws or ignores it. */
  readonly limit: TimeLimit | undefined
  readonly context: CallContext
  readonly upload: CallProgress<AxiosProgressEvent> | undefined
  readonly download: CallProgress<AxiosProgressEvent> | undefined
  /** The forms as they were at the call. */
  private readonly forms: readonly unknown[]
  /** The address at the call, whose origin was looked at. The application may change its config during a wait. */
  private readonly target: Target
  private hasWaited = false
  private isSent = false

  constructor(context: CallContext) {
    const { timeout, onUploadProgress, onDownloadProgress, data, params } = context.config
    const { url, baseURL, allowAbsoluteUrls } = context.config
    // It may be a `URL`, which the application may change.
    this.target = { url: String(url ?? ''), baseURL, allowAbsoluteUrls } as Target
    const duration = ['number', 'string'].includes(typeof timeout) ? Number(timeout) : 0
    this.context = context
    this.step = context.step
    this.isOneShot = context.isOneShot
    this.limit = duration > 0 ? startLimit(duration) : undefined
    this.forms = [copyOfForm(data), copyOfForm(params)]
    this.upload = onUploadProgress && createProgress(onUploadProgress)
    this.download = onDownloadProgress && createProgress(onDownloadProgress)
  }

  get url(): string {
    return urlOf(this.target)
  }

  get method(): string {
    return (this.context.config.method as string).toUpperCase()
  }

  hasOwnCredentials(): boolean {
    return this.context.hasOwnCredentials(this.context.config)
  }

  send(
    tokens: Record<string, string> | undefined,
    { isReplay, mayFollow }: AttemptPlace,
  ): Promise<Attempt<AxiosResponse>> {
    const { config, adapter, repeatBody } = this.context
    if (!tokens && !isReplay && !mayFollow && !this.limit) return pass(adapter, config)
    // A copy leaves. The application may look at its config, share it, report it and send it again.
    const own = copyOf(config)
    own.headers = Object.assign(new AxiosHeaders(), config.headers)
    // A `DPoP` header of the application, in any case, would be a second proof.
    if (tokens?.['DPoP']) own.headers.delete('DPoP')
    Object.assign(own.headers, tokens)
    // Stryker disable next-line ConditionalExpression: the same address
    if (this.hasWaited && urlOf(config) !== this.url) Object.assign(own, this.target)
    const [data, params] = this.hasWaited ? this.forms : []
    if (data) own.data = data
    if (params) own.params = params
    const repeated = this.isSent && repeatBody?.()
    this.isSent = true
    if (repeated) {
      own.data = repeated.data
      own.headers.set(repeated.headers)
    }
    const attempt = new AxiosAttempt(this, own, tokens, isReplay || !mayFollow)
    return attempt.send(this.hasWaited ? this.limit?.rest() : undefined)
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
}
