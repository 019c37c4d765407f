/** The files of the demo page. */
import { readFile, stat } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
}

/** Answers a `GET` or `HEAD` with a file of the directory; `undefined` if the file does not exist. Never leaves the directory. */
export async function answerFile(directory: string, request: Request): Promise<Response | undefined> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
  const file = await findFile(directory, new URL(request.url).pathname)
  if (file === undefined) return undefined
  const type = types[extname(file)] ?? 'application/octet-stream'
  return new Response(new Uint8Array(await readFile(file)), {
    headers: { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' },
  })
}

async function findFile(directory: string, pathname: string): Promise<string | undefined> {
  try {
    const root = normalize(directory + sep)
    const wanted = join(root, decodeURIComponent(pathname))
    if (!wanted.startsWith(root) || wanted.includes('\0')) return undefined
    const file = (await stat(wanted)).isDirectory() ? join(wanted, 'index.html') : wanted
    return (await stat(file)).isFile() ? file : undefined
  } catch {
    return undefined
  }
}
