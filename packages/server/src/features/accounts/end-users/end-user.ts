import { problem, type InvalidPart } from '../../../platform/problems/problem.ts'

export type MetadataValue = string | number | boolean
export type Metadata = Readonly<Record<string, MetadataValue>>

/** A person who uses the product that the application stands for. */
export interface EndUser {
  readonly id: string
  readonly applicationId: string
  readonly name: string | null
  /** In lower case. */
  readonly email: string | null
  /** The id of the end-user in the application's own system. */
  readonly externalId: string | null
  readonly metadata: Metadata
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** The fields that can be set; undefined leaves a field unchanged. */
export interface EndUserChanges {
  readonly name?: string | null
  readonly email?: string | null
  readonly externalId?: string | null
  readonly metadata?: Metadata
}

/** The field whose value another end-user of the application has. */
export interface TakenField {
  readonly taken: 'externalId' | 'email'
}

/** The end-user that was written. Throws external-id-taken or email-taken. */
export function refuseTaken(written: EndUser | TakenField): EndUser {
  if (!('taken' in written)) return written
  throw written.taken === 'email'
    ? problem('email-taken', { detail: 'Another end-user of the application has this e-mail address.' })
    : problem('external-id-taken', { detail: 'Another end-user of the application has this externalId.' })
}

const metadataKeysMax = 50
const keyCharactersMax = 40
const valueCharactersMax = 500

/** The metadata with a change merged in key by key; null removes a key. */
export function mergeMetadata(before: Metadata, change: Readonly<Record<string, unknown>>): Metadata {
  const merged = new Map(Object.entries(before))
  for (const [key, value] of Object.entries(change)) {
    if (isMetadataValue(value)) merged.set(key, value)
    else merged.delete(key)
  }
  return Object.fromEntries(merged)
}

/** One mistake for each key and each value that metadata cannot have. */
export function findMetadataMistakes(change: Readonly<Record<string, unknown>>): InvalidPart[] {
  return Object.entries(change).flatMap(([key, value]) => {
    const pointer = `/metadata/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (key.length < 1 || key.length > keyCharactersMax)
      return [{ pointer, message: `must have a key of 1 to ${keyCharactersMax} characters`, code: 'key-length' }]
    if (typeof value === 'string' && value.length > valueCharactersMax)
      return [{ pointer, message: `must not be longer than ${valueCharactersMax} characters`, code: 'maxLength' }]
    return value === null || isMetadataValue(value)
      ? []
      : [{ pointer, message: 'must be a string, a number, a boolean or null', code: 'type' }]
  })
}

/** A mistake if metadata has too many keys. */
export function findSizeMistakes(metadata: Metadata): InvalidPart[] {
  const keys = Object.keys(metadata).length
  return keys <= metadataKeysMax
    ? []
    : [
        {
          pointer: '/metadata',
          message: `must not have more than ${metadataKeysMax} keys, it would have ${keys}`,
          code: 'maxProperties',
        },
      ]
}

/** E-mail addresses are compared without regard to case. */
export function normalizeEmail(email: string): string {
  return email.toLowerCase()
}

function isMetadataValue(value: unknown): value is MetadataValue {
  return (
    typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
  )
}
