/** Milliseconds that a UUIDv7 can tell. */
const timeMsMax = 2 ** 48 - 1

/** When an entry was written: its id tells it, so that one index gives both the order and the time. */
export function timeOfEntry(id: string): Date {
  return new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16))
}

/** The id below which every entry was written before `time`, and from which on none was. */
export function firstEntryIdAt(time: Date): string {
  const hex = Math.min(Math.max(time.getTime(), 0), timeMsMax).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}
