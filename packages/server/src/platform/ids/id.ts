import { TypeID, typeidUnboxed } from 'typeid-js'
import type { IdPrefixes } from '../vocabulary/vocabulary.ts'

/** The prefixes of the ids that the platform itself creates or parses. */
export const platformIdPrefixes = {
  org: 'An organization.',
  app: 'An application.',
  eu: 'An end-user.',
  req: 'A request.',
} as const

declare module '../vocabulary/vocabulary.ts' {
  interface IdPrefixes extends Readonly<typeof platformIdPrefixes> {}
}

/** A declared prefix of a public id; a misspelt one does not compile. */
export type IdPrefix = keyof IdPrefixes

/** A new wire id such as `run_01k…` (TypeID over a UUIDv7, so ids sort by time). */
export function newWireId(prefix: IdPrefix): string {
  return typeidUnboxed(prefix)
}

/** The nil UUID (RFC 9562 section 5.9): sorts before every other. */
export const nilUuid = '00000000-0000-0000-0000-000000000000'

/** A new UUIDv7 as stored in the database. */
export function newUuid(): string {
  return new TypeID('').toUUID()
}

/** Wire forms kept, because lists show the same ids again and again and encoding one costs microseconds. */
const knownMax = 20_000
const known = new Map<string, string>()

/** The wire form of a stored UUID. */
export function toWireId(prefix: IdPrefix, uuid: string): string {
  const key = prefix + uuid
  const found = known.get(key)
  if (found !== undefined) return found
  const encoded = TypeID.fromUUID(prefix, uuid).toString()
  if (known.size >= knownMax) known.clear()
  known.set(key, encoded)
  return encoded
}

/** The wire form of a stored UUID that may be absent. */
export function toWireIdOrNull(prefix: IdPrefix, uuid: string | null): string | null {
  return uuid === null ? null : toWireId(prefix, uuid)
}

/** The prefix and the stored UUID of a wire id of any prefix, or undefined when the text is no wire id. */
export function readWireId(text: string): { readonly prefix: string; readonly id: string } | undefined {
  try {
    const parsed = TypeID.fromString(text)
    return { prefix: parsed.getType(), id: parsed.toUUID() }
  } catch {
    return undefined
  }
}

/** The stored UUID of a wire id, or undefined when the text is no id of this prefix. */
export function parseWireId(prefix: IdPrefix, text: string): string | undefined {
  try {
    return TypeID.fromString(text, prefix).toUUID()
  } catch {
    return undefined
  }
}
