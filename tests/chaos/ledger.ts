import type { StreamReader } from './event-stream.ts'
import type { Tenant } from './tenants.ts'

/** A request that started a run, with the run that the reply named. */
export interface AcceptedRun {
  readonly tenant: Tenant
  readonly key: string
  readonly path: string
  readonly body: unknown
  readonly endUserId: string | null
  readonly runId: string
}

/** A request that the server refused for good. */
export interface Refusal {
  readonly tenant: Tenant
  readonly route: string
  readonly endUserId: string | null
  readonly status: number
  readonly text: string
}

/** What the clients have been told during a chaos test. */
export interface Ledger {
  readonly runs: AcceptedRun[]
  readonly refusals: Refusal[]
  /** Ids of runs whose cancel was accepted. */
  readonly cancelled: Set<string>
  readonly followed: Map<string, StreamReader>
  /** The times to which the next fire of a schedule was moved. */
  readonly moved: { readonly tenant: Tenant; readonly schedule: string; readonly at: Date }[]
  /** End-users whose erasure was asked for, by id, and whether it was confirmed. */
  readonly erased: Map<string, 'asked' | 'confirmed'>
  /** Tenants whose deletion was asked for, and whether it was confirmed. */
  readonly deleted: Map<Tenant, 'asked' | 'confirmed'>
  /** Requests that were repeated, and answered with another run than before. */
  readonly doubled: string[]
}

export function createLedger(): Ledger {
  return {
    runs: [],
    refusals: [],
    cancelled: new Set(),
    followed: new Map(),
    moved: [],
    erased: new Map(),
    deleted: new Map(),
    doubled: [],
  }
}
