/** A JSON value as an object that tests can read; empty for any other value. */
export function toRecordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
