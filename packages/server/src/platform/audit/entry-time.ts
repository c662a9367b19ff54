/** The largest time that a UUIDv7 can hold. */
const timeMsMax = 2 ** 48 - 1

/** The time of an entry, read from its id, so that one index serves both the order and the time. */
export function timeOfEntry(id: string): Date {
  return new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16))
}

/** The lower bound of the ids of entries that were written at `time` or later. */
export function firstEntryIdAt(time: Date): string {
  const hex = Math.min(Math.max(time.getTime(), 0), timeMsMax).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}
