const twoSegments = /^(\/api\/[^?]*?)@([^/?]+)\/([^/?]+)/

/** Stands for every path that can't be decoded; no route has it. */
const undecodable = { api: '/api/%25', other: '/%25' } as const

/** The URL that is routed for a request's own: scoped names merged, and paths that can't be decoded sent to where nothing is. */
export function routedUrl(asked: string): string {
  // A client that takes us for a proxy names the host too (RFC 9112 section 3.2.2).
  const url = /^https?:\/\/[^/?]*(\/.*)?$/i.exec(asked)?.[1] ?? asked
  if (isDecodable(url)) return mergeScopedNames(plain(url))
  return url.startsWith('/api/') ? undecodable.api : undecodable.other
}

const unreserved = /^[A-Za-z0-9._~-]$/

/** The same URL with letters and digits of its path as themselves: `/%61pi` is `/api` to whoever looks at it later (RFC 3986 section 6.2.2.2). */
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

/** Lets `@scope/name` stand in a path as two segments: `/api/agents/@acme/x/run` is read as `/api/agents/%40acme%2Fx/run`. */
function mergeScopedNames(url: string): string {
  return url.replace(
    twoSegments,
    (...[, before, scope, name]: string[]) => `${before ?? ''}%40${scope ?? ''}%2F${name ?? ''}`,
  )
}
