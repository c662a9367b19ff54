import type { EventRequest } from '../security-log/index.ts'

/** Passes the client's IP address to the library. A header of this name from a client is overwritten. */
export const clientIpHeader = 'x-appstrate-client-ip'
/** Passes the id of the request to the library, for its events. A header of this name from a client is overwritten. */
export const requestIdHeader = 'x-appstrate-request-id'

/** The request behind a call of the library, for an event. */
export function requestOf(headers: Headers | undefined): EventRequest {
  return {
    ip: headers?.get(clientIpHeader) ?? null,
    userAgent: headers?.get('user-agent') ?? null,
    requestId: headers?.get(requestIdHeader) ?? null,
  }
}

/** A field of a body that was not validated yet. */
export function textIn(body: unknown, name: string): string | undefined {
  const fields: ReadonlyMap<string, unknown> = new Map(
    typeof body === 'object' && body !== null ? Object.entries(body) : [],
  )
  const value = fields.get(name)
  return typeof value === 'string' && value !== '' ? value : undefined
}
