import { TypeID, typeidUnboxed } from 'typeid-js'

/** Every prefix of a public id; the table of the contract's "Identifiers". */
export const idPrefixes = [
  'org',
  'app',
  'agent',
  'run',
  'eu',
  'key',
  'sched',
  'wh',
  'evt',
  'del',
  'pkg',
  'conn',
  'prof',
  'model',
  'mkey',
  'proxy',
  'inv',
  'aud',
  'file',
  'usr',
  'req',
  'ses',
  'ntf',
] as const

export type IdPrefix = (typeof idPrefixes)[number]

/** A new wire id such as `run_01k…` (TypeID over a UUIDv7, so ids sort by time). */
export function newWireId(prefix: IdPrefix): string {
  return typeidUnboxed(prefix)
}

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

/** The stored UUID of a wire id, or undefined when the text is no id of this prefix. */
export function parseWireId(prefix: IdPrefix, text: string): string | undefined {
  try {
    return TypeID.fromString(text, prefix).toUUID()
  } catch {
    return undefined
  }
}
