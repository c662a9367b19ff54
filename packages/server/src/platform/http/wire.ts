import { Type, type Static, type TProperties, type TSchema } from 'typebox'
import type { IdPrefix } from '../ids/id.ts'

/** A schema that appears as `#/components/schemas/<name>` in the OpenAPI document. */
export function wire<T extends TProperties>(name: string, properties: T) {
  return Type.Object(properties, { 'x-component': name })
}

/** A wire id in a body, query or reply. */
export function WireId(prefix: IdPrefix, description?: string) {
  return Type.String({
    pattern: `^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`,
    examples: [`${prefix}_01jq5x3v7kf8hb2m9w4tcd6e1n`],
    ...(description === undefined ? {} : { description }),
  })
}

/** A time in a reply: ISO 8601 UTC with milliseconds and `Z`. */
export const WireTime = Type.String({ format: 'date-time', examples: ['2026-03-21T09:30:00.000Z'] })

/** A value or null, as `type: [T, 'null']`: this form gives one validation message and serialises without a union. */
export function Nullable<T extends TSchema & { type: string }>(schema: T) {
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, 'null'] })
}

/** One of a closed list of words. */
export function OneOf<const T extends readonly string[]>(values: T, options: { description?: string } = {}) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options })
}

/** A reply without a body. */
export const Nothing = Type.Null({ 'x-nothing': true })

/** Money: USD as a decimal string, never a float. */
export const WireUsd = Type.String({ pattern: '^\\d+(\\.\\d+)?$', examples: ['0.0123'] })

/** A free JSON object, limited only by the body size. */
export const JsonObject = Type.Record(Type.String(), Type.Unknown())

/** The wire form of a time that may be absent. */
export function toWireTime(time: Date): string
export function toWireTime(time: Date | null): string | null
export function toWireTime(time: Date | null): string | null {
  return time === null ? null : time.toISOString()
}
