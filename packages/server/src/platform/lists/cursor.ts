import { parseWireId, toWireId, type IdPrefix } from '../ids/id.ts'

/** How the place in a list after an item is written for clients. */
export interface CursorFormat<Key> {
  /** Undefined for a text that `write` cannot have written. */
  read(text: string): Key | undefined
  write(key: Key): string
}

/** The cursors of a list in the order of stored UUIDs: the wire id of the page's last item. */
export function idCursor(prefix: IdPrefix): CursorFormat<string> {
  return { read: (text) => parseWireId(prefix, text), write: (id) => toWireId(prefix, id) }
}

/** The cursors of a list whose items have no wire id: the stored UUID of the page's last item. */
export const uuidCursor: CursorFormat<string> = {
  read: (text) => (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : undefined),
  write: (id) => id,
}

/** The cursors of a list in the order of a number, such as a position in a journal. */
export const numberCursor: CursorFormat<number> = {
  read: (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
  write: String,
}

/** The cursors of a list in the order of a time, which no two items share. */
export const timeCursor: CursorFormat<Date> = {
  read: (text) => (/^\d{1,14}$/.test(text) ? new Date(Number(text)) : undefined),
  write: (time) => String(time.getTime()),
}

/** The place of an item in the order of a time and, for items of the same millisecond, of a text id. */
export interface TimeAndId {
  readonly time: Date
  readonly id: string
}

/** The cursors of a list in the order of a time and a text id. */
export const timeAndIdCursor: CursorFormat<TimeAndId> = {
  read(text) {
    const [, time, id] = /^(\d{1,14})\.([\w-]{1,100})$/.exec(text) ?? []
    return time === undefined || id === undefined ? undefined : { time: new Date(Number(time)), id }
  },
  write: ({ time, id }) => `${time.getTime()}.${id}`,
}
