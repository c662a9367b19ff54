const twoSegments = /^(\/api\/[^?]*?)@([^/?]+)\/([^/?]+)/

/** Replaces every path that cannot be decoded; no route matches it. */
const undecodable = { api: '/api/%25', other: '/%25' } as const

/** The URL to route for a requested one: merges scoped names, and maps undecodable paths to one without a route. */
export function routedUrl(requested: string): string {
  // A client that uses the server as a proxy sends an absolute URL (RFC 9112 section 3.2.2).
  const url = /^https?:\/\/[^/?]*(\/.*)?$/i.exec(requested)?.[1] ?? requested
  if (isDecodable(url)) return mergeScopedNames(plain(url))
  return url.startsWith('/api/') ? undecodable.api : undecodable.other
}

const unreserved = /^[A-Za-z0-9._~-]$/

/** Decodes unreserved characters in the path, so that `/%61pi` is `/api` everywhere (RFC 3986 section 6.2.2.2). */
function plain(url: string): string {
  const [path = ''] = url.split('?', 1)
  if (!path.includes('%')) return url
  const decoded = path.replaceAll(/%([0-7][0-9a-f])/gi, (escape, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    return unreserved.test(character) ? character : escape
  })
  return `${decoded}${url.slice(path.length)}`
}

/** True when the path is well-formed percent-encoding of UTF-8. */
export function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url.split('?', 1)[0] ?? '')
    return true
  } catch {
    return false
  }
}

/** Merges `@scope/name` to one segment: `/api/agents/@acme/x/run` becomes `/api/agents/%40acme%2Fx/run`. */
function mergeScopedNames(url: string): string {
  return url.replace(
    twoSegments,
    (...[, before, scope, name]: string[]) => `${before ?? ''}%40${scope ?? ''}%2F${name ?? ''}`,
  )
}
