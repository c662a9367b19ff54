import { decodeUnreserved } from '../log/log.ts'

/** Replaces every path that cannot be decoded; no route matches it. */
const undecodable = { api: '/api/%25', other: '/%25' } as const

/** The URL to route for a requested one: merges scoped names, and maps undecodable paths to one without a route. */
export function routedUrl(requested: string): string {
  // A client that uses the server as a proxy sends an absolute URL (RFC 9112 section 3.2.2).
  const url = /^https?:\/\/[^/?]*(\/.*)?$/i.exec(requested)?.[1] ?? requested
  if (isDecodable(url)) return plain(url)
  return url.startsWith('/api/') ? undecodable.api : undecodable.other
}

/** Decodes unreserved characters in the path, so that `/%61pi` is `/api` everywhere, and merges scoped names. */
function plain(url: string): string {
  const path = pathIn(url)
  const query = url.slice(path.length)
  return `${mergeScopedNames(decodeUnreserved(path))}${query}`
}

/** True when the path is well-formed percent-encoding of UTF-8. */
export function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(pathIn(url))
    return true
  } catch {
    return false
  }
}

/**
 * Merges the first `@scope/name` to one segment: `/api/agents/@acme/x/run` becomes `/api/agents/%40acme%2Fx/run`.
 * Reads each character once: a stranger chooses the path.
 */
function mergeScopedNames(path: string): string {
  if (!path.startsWith('/api/')) return path
  for (let at = path.indexOf('/@', 4); at !== -1; ) {
    const slash = path.indexOf('/', at + 2)
    if (slash === -1) return path
    const end = path.indexOf('/', slash + 1)
    const [scope, name] = [path.slice(at + 2, slash), path.slice(slash + 1, end === -1 ? path.length : end)]
    if (scope !== '' && name !== '')
      return `${path.slice(0, at)}/%40${scope}%2F${name}${end === -1 ? '' : path.slice(end)}`
    at = path.indexOf('/@', slash)
  }
  return path
}

function pathIn(url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? url : url.slice(0, mark)
}
