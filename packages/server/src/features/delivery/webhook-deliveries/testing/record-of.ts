/** A JSON object, as far as tests look into it. */
export function toRecordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
