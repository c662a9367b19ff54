import type { Position } from '../../execution/runs/index.ts'

/** Before the first event. */
export const beginning: Position = 0

/** Which transactions had ended at a point in time, as `pg_current_snapshot()` returns it. */
export interface Snapshot {
  /** Every transaction below has ended. */
  readonly xmin: number
  /** No transaction from here on has begun. */
  readonly xmax: number
  /** The transactions in between that have not ended. */
  readonly active: ReadonlySet<number>
}

/** Reads PostgreSQL's text form of a snapshot: `xmin:xmax:active,active`. */
export function parseSnapshot(text: string): Snapshot {
  const [xmin, xmax, active] = text.split(':')
  return {
    xmin: Number(xmin),
    xmax: Number(xmax),
    active: new Set(
      (active ?? '')
        .split(',')
        .filter((xid) => xid !== '')
        .map(Number),
    ),
  }
}

/** True when the writes of a transaction were visible in the snapshot. */
export function hadEnded({ xmin, xmax, active }: Snapshot, transaction: number): boolean {
  return transaction < xmin || (transaction < xmax && !active.has(transaction))
}

/** What there was when a stream began. */
export interface Beginning {
  readonly snapshot: Snapshot
  /** Events with a higher position were inserted later. */
  readonly last: Position
}

/** `p` and the position in base 36: the event id of streams across runs. */
export function encodeCursor(position: Position): string {
  return `p${position.toString(36)}`
}

/** The position of an event id of a stream across runs; undefined for an invalid text. */
export function parseCursor(text: string): Position | undefined {
  const [, digits] = /^p([0-9a-z]{1,11})$/.exec(text) ?? []
  if (digits === undefined) return undefined
  const position = Number.parseInt(digits, 36)
  return Number.isSafeInteger(position) ? position : undefined
}

/** The position of an event id of one run's stream, which is its seq; undefined for an invalid text. */
export function parseSeq(text: string): Position | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
