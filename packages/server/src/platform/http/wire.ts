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

/** Not visible on a page or in a mail, or changes the direction of the text around it. For a class of a pattern. */
const hidden = '\\u200b\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u007f-\\u009f'
const onOneLine = `${hidden}\\u0000-\\u001f`
const onLines = `${hidden}\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f`

/** A name that pages and mails show: one line, not blank, without control characters and changes of direction. */
export function NameText(charactersMax: number, options: { description?: string } = {}) {
  return Type.String({
    minLength: 1,
    maxLength: charactersMax,
    // The minimum length alone reports the empty text.
    pattern: `^(?:[ \\u00a0\\u3000]*[^\\s${onOneLine}][^${onOneLine}]*)?$`,
    ...options,
  })
}

/** A text that pages show: any lines, without other control characters and changes of direction. */
export function PlainText(charactersMax: number, options: { description?: string } = {}) {
  return Type.String({ maxLength: charactersMax, pattern: `^[^${onLines}]*$`, ...options })
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
