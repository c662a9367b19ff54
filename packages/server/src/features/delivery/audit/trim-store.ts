import { sql } from 'kysely'
import type { OrgScope } from '../../../platform/access/caller.ts'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { organizationsWithRetention } from '../../accounts/organizations/index.ts'
import { chainingLock, type Head } from './chain-store.ts'

/** The action of the entry that reports a removal. */
export const trimmedAction = 'audit-log.trimmed'

/** An organization whose log has entries that are to be removed. */
export interface TrimmableLog extends OrgScope {
  readonly retentionDays: number
}

/**
 * Logs whose first entry is older than the retention, counted back from `day` (the start of a day), or that still hold
 * entries of an earlier removal. Unscoped: of all organizations.
 */
export async function findTrimmable(db: Db, { day, limit }: { day: Date; limit: number }): Promise<TrimmableLog[]> {
  const { rows } = await sql<TrimmableLog>`
    select o.id as "organizationId", o.audit_retention_days as "retentionDays"
    from ${organizationsWithRetention} o join audit_chains c on c.organization_id = o.id
    where exists (
      select from audit_log a
      where a.organization_id = o.id and a.seq <= least(c.start_seq + 1, c.seq - 1)
        and (a.seq <= c.start_seq or a.created_at < ${day}::timestamptz - o.audit_retention_days * interval '1 day'))
    order by o.id limit ${limit}`.execute(db)
  return rows
}

/** Locks a chain until the transaction ends; returns where it starts and its last number. */
export async function lockChain(
  tx: Tx,
  { organizationId }: OrgScope,
): Promise<{ readonly startSeq: number; readonly startHash: Buffer | null; readonly seq: number } | undefined> {
  const { rows } = await sql<{ startSeq: number; startHash: Buffer | null; seq: number }>`
    select start_seq as "startSeq", start_hash as "startHash", seq from audit_chains
    where organization_id = ${organizationId} and (select ${chainingLock}) is not null
    for update`.execute(tx)
  return rows[0]
}

export async function saveStart(tx: Tx, { organizationId }: OrgScope, { seq, hash }: Head): Promise<void> {
  await sql`
    update audit_chains set start_seq = ${seq}, start_hash = ${hash}
    where organization_id = ${organizationId}`.execute(tx)
}

/** Deletes at most `limit` entries before the start of the chain, oldest first; returns how many. */
export async function deleteTrimmed(db: Db, { organizationId }: OrgScope, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from audit_log where id in (
      select a.id from audit_log a
      join audit_chains c on c.organization_id = a.organization_id and a.seq <= c.start_seq
      where a.organization_id = ${organizationId} order by a.seq limit ${limit})`.execute(db)
  return Number(numAffectedRows ?? 0n)
}

/** True if an entry of the log reports the removal up to this one. */
export async function isRemovalReported(db: Db, { organizationId }: OrgScope, { seq, hash }: Head): Promise<boolean> {
  const { rows } = await sql`
    select from audit_log
    where organization_id = ${organizationId} and action = ${trimmedAction}
      and changes -> 'through' ->> 'after' = ${`${seq}:${hash.toString('hex')}`} limit 1`.execute(db)
  return rows.length > 0
}
