/** A schema that a user wrote: any JSON Schema (draft 2020-12) object. */
export type JsonSchema = Readonly<Record<string, unknown>>
