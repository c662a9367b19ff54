/** A reply for tests. `body` is the parsed JSON, or the text if it is not JSON. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read any field; the serializer checks schemas
  readonly body: any
  readonly text: string
}

export interface SendOptions {
  readonly body?: unknown
  /** Sent unchanged, with the content type of `headers`. */
  readonly rawBody?: string | Uint8Array | FormData
  readonly query?: Readonly<Record<string, string | number>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends a request such as `'POST /api/runs'` over HTTP. */
export type Send = (route: string, options?: SendOptions) => Promise<Answer>

/** A client with fixed headers. */
export function requester(url: string, fixed: Readonly<Record<string, string>>): Send {
  return async (route, options = {}) => {
    const [method = 'GET', path = '/'] = route.split(' ')
    const target = new URL(path, url)
    for (const [name, value] of Object.entries(options.query ?? {})) target.searchParams.set(name, String(value))
    const json = options.body === undefined ? {} : { 'content-type': 'application/json' }
    const body = options.rawBody ?? (options.body === undefined ? null : JSON.stringify(options.body))
    const response = await fetch(target, {
      method,
      headers: { ...json, ...fixed, ...options.headers },
      body,
      redirect: 'manual',
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: parseJson(text), text }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
