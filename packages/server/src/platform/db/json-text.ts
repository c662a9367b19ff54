// An escape of U+0000 or of a lone surrogate, after an even number of backslashes; PostgreSQL's jsonb accepts neither.
const refused = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g

/** The JSON of a value for `jsonb`: characters that it refuses become U+FFFD. */
export function toJsonText(value: unknown): string {
  return JSON.stringify(value ?? null).replace(refused, '$1\\ufffd')
}

/** A text for a `text` column: characters that it refuses become U+FFFD. */
export function toColumnText(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed()
}
