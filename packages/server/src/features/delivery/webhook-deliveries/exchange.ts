import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals } from '../../accounts/end-users/index.ts'
import type { KeptDelivery } from './delivery-store.ts'

const kept = {
  headers: Type.Record(Type.String(), Type.String()),
  /** Encrypted if the event belongs to an end-user; null if it could not be stored or can no longer be read. */
  body: Type.Union([Type.String(), Type.Null()]),
  bodyTruncated: Type.Boolean(),
}
const KeptRequest = Type.Object({ url: Type.String(), ...kept })
const KeptResponse = Type.Object(kept)

/** The record of a request, as stored. */
export type KeptRequest = Static<typeof KeptRequest>
/** The record of a response, as stored. */
export type KeptResponse = Static<typeof KeptResponse>

const requestOf = Compile(KeptRequest)
const responseOf = Compile(KeptResponse)

const requestBytesMax = 64 * 1024
/** Bytes that are read of a response's body. */
export const responseBytesMax = 16 * 1024
const headersMax = 50
const headerCharactersMax = 1_000
const maskedHeaders: ReadonlySet<string> = new Set([
  'webhook-signature',
  'authorization',
  'cookie',
  'set-cookie',
  'proxy-authorization',
])

type Headers = Readonly<Record<string, string>>
/** Encrypts or decrypts a body; null if its key is destroyed. */
export type BodySeal = (text: string) => string | null

/** The record of a request: without its signature, and with only the beginning of a long body. */
export function keptRequest(
  request: { readonly url: string; readonly headers: Headers; readonly body: string },
  seal: BodySeal,
): KeptRequest {
  return { url: request.url, ...keptPart({ ...request, wasCut: false }, requestBytesMax, seal) }
}

/** The record of a response. */
export function keptResponse(
  response: { readonly headers: Headers; readonly body: string; readonly truncated: boolean },
  seal: BodySeal,
): KeptResponse {
  return keptPart({ ...response, wasCut: response.truncated }, responseBytesMax, seal)
}

function keptPart(
  { headers, body, wasCut }: { headers: Headers; body: string; wasCut: boolean },
  bytesMax: number,
  seal: BodySeal,
) {
  const text = cutText(body, bytesMax)
  return {
    headers: Object.fromEntries(
      Object.entries(headers)
        .slice(0, headersMax)
        .map(([name, value]) => [name, shownHeader(name, value)]),
    ),
    body: seal(text),
    bodyTruncated: wasCut || text.length < body.length,
  }
}

function shownHeader(name: string, value: string): string {
  return maskedHeaders.has(name.toLowerCase()) ? '***' : value.slice(0, headerCharactersMax)
}

/** The longest beginning of a text that fits, without splitting a character. */
export function cutText(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= bytesMax) return text
  let end = bytesMax
  // A byte of the form 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}

/** A stored request with its body decrypted; null if no attempt was made. */
export function readRequest(stored: unknown, unseal: BodySeal): KeptRequest | null {
  return requestOf.Check(stored) ? { ...stored, body: unsealBody(stored, unseal) } : null
}

/** A stored response with its body decrypted; null if there was none. */
export function readResponse(stored: unknown, unseal: BodySeal): KeptResponse | null {
  return responseOf.Check(stored) ? { ...stored, body: unsealBody(stored, unseal) } : null
}

function unsealBody({ body }: KeptResponse, unseal: BodySeal): string | null {
  return body === null ? null : unseal(body)
}

/** The request and the response of a delivery, decrypted. Bodies of an erased end-user are null. */
export async function unsealExchange(
  { use, db }: Pick<Platform, 'use' | 'db'>,
  { event, request, response }: KeptDelivery,
): Promise<{ request: KeptRequest | null; response: KeptResponse | null }> {
  const sealOf = await use(contentSeals).ofAll(db, event.applicationId, [event.endUserId])
  const unseal = (text: string) => sealOf(event.endUserId).unsealText(text)
  return { request: readRequest(request, unseal), response: readResponse(response, unseal) }
}
