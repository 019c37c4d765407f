/** Reading what axios sends and what it gives back, without axios. */

/** The parts of a request's config that decide where it goes. */
interface Target {
  readonly url?: string
  readonly baseURL?: string
  readonly allowAbsoluteUrls?: boolean
}

/** The URL that axios sends to, without the query: its own rule (`buildFullPath`) on the config that leaves. */
export function fullPath(instance: { getUri(config: Target): string }, config: Target): string {
  const { url = '', baseURL, allowAbsoluteUrls } = config
  if (!baseURL) return url
  if (/^([a-z][a-z\d+\-.]*:)?\/\//i.test(url)) {
    if (allowAbsoluteUrls !== false) return url
  } else if (!baseURL.endsWith('//'))
    return url ? `${baseURL.replace(/\/$/, '')}/${url.replace(/^\/+/, '')}` : baseURL
  // Here versions differ: not every one knows the option, or takes off every slash at the end.
  return instance.getUri({ url, baseURL, ...(allowAbsoluteUrls === false && { allowAbsoluteUrls }) })
}

/** What a text says as JSON; anything else as it is. */
export function readJson(data: unknown): unknown {
  try {
    return typeof data === 'string' ? JSON.parse(data) : data
  } catch {
    return data
  }
}

/** On Node a request shows the header that it sent to whoever prints or serialises it. */
export function hideRequest(holder: unknown): void {
  if ((holder as { request?: unknown } | undefined)?.request)
    Reflect.defineProperty(holder as object, 'request', { enumerable: false })
}
