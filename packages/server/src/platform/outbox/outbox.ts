import type { Tx } from '../db/database.ts'
import type { Platform } from '../platform.ts'

/** An event, written in the transaction of the change that it reports. */
export interface OutboxEvent {
  /** Ascending; the events of one run are read in this order. */
  readonly id: number
  readonly organizationId: string
  readonly applicationId: string
  readonly runId: string | null
  readonly agentId: string | null
  readonly endUserId: string | null
  /** Such as `run.completed`. */
  readonly type: string
  /** The subject in wire form, in its newest shape. */
  readonly payload: Readonly<Record<string, unknown>>
  readonly createdAt: Date
}

/** A feature's reader of events. Its writes commit with the events' removal, so each event is read exactly once. */
export interface OutboxReader {
  readonly name: string
  read(tx: Tx, events: readonly OutboxEvent[]): Promise<void>
  /** Called after the commit, for wake-ups. */
  committed?(platform: Pick<Platform, 'wake'>, events: readonly OutboxEvent[]): void
}
