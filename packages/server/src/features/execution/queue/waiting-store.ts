import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'
import { suspensionOf } from '../../accounts/suspensions/index.ts'

/** The worker that wants runs. */
export interface Claimant {
  readonly id: string
  /** Runs of one organization that it executes at a time. */
  readonly organizationRunsMax: number
  /** The expression for how many runs an organization may have in execution, over all workers. */
  quotaOf(organizationId: RawBuilder<unknown>): RawBuilder<number>
  /** How much later an earlier attempt puts a run in the queue. */
  readonly slotMs: number
  /** Runs that it has just handed over and must not take back at once. */
  readonly handedOver: readonly string[]
}

/** A run that a worker could claim. */
export interface WaitingRun {
  readonly id: string
  readonly organizationId: string
  /** The runs that its organization would have, over all workers, when this one is claimed. */
  readonly share: number
}

/**
 * The common table expression `candidates`: the runs that the worker may claim, at most `max`, by fair shares. These
 * are pending runs, and running ones that no living worker holds, of organizations that are not suspended. A run ranks
 * behind as many as its organization already has; between equals the one that has waited longest comes first. The cost
 * grows with the number of waiting organizations and of interrupted runs, not with the queue.
 */
export function candidates(
  { id, organizationRunsMax, quotaOf, slotMs, handedOver }: Claimant,
  max: number,
): RawBuilder<unknown> {
  return sql`
    recursive pending as (
      (select organization_id from runs where status = 'pending' order by organization_id limit 1)
      union all
      select (
        select r.organization_id from runs r where r.status = 'pending' and r.organization_id > p.organization_id
        order by r.organization_id limit 1)
      from pending p where p.organization_id is not null
    ), unheld as (
      select id, organization_id, attempt, created_at from runs where status = 'running' and worker_id is null
      union all
      select r.id, r.organization_id, r.attempt, r.created_at
      from workers w join runs r on r.worker_id = w.id and r.status = 'running'
      where w.expires_at <= now() and w.id <> ${id}
    ), interrupted as materialized (
      select *, row_number() over (partition by organization_id order by queued_at, id) as place
      from (
        select *, created_at + attempt * ${slotMs} * interval '1 ms' as queued_at from unheld
        where id <> all(${handedOver}::uuid[])) u
    ), waiting as (
      select organization_id, max(interrupted) as interrupted from (
        select organization_id, 0 as interrupted from pending where organization_id is not null
        union all
        select organization_id, count(*) from interrupted group by organization_id) w
      where not exists (${suspensionOf(sql.ref('w.organization_id'))})
      group by organization_id
    ), shares as materialized (
      select waiting.*, held.*, ${quotaOf(sql.ref('waiting.organization_id'))} as quota
      from waiting cross join lateral (
        select count(*) filter (where a.worker_id in (select w.id from workers w where w.expires_at > now())) as held,
          count(*) filter (where a.worker_id = ${id}) as held_here
        from runs a where a.status = 'running' and a.organization_id = waiting.organization_id) held
    ), candidates as materialized (
      select id, organization_id, attempt, queued_at, held + place as share, quota from (
        select i.id, i.organization_id, i.attempt, i.queued_at, i.place, s.held, s.held_here, s.quota
        from interrupted i join shares s on s.organization_id = i.organization_id
        union all
        select p.id, s.organization_id, p.attempt, p.created_at, s.interrupted + p.place, s.held, s.held_here,
          s.quota
        from shares s cross join lateral (
          select id, attempt, created_at, row_number() over (order by id) as place from runs
          where status = 'pending' and organization_id = s.organization_id order by id limit ${max}) p) next
      where held_here + place <= ${organizationRunsMax} and held + place <= quota
      order by share, queued_at, id limit ${max}
    )`
}

/** The runs that the worker would claim next, at most `max`, in that order. */
export async function loadWaiting(db: Db, claimant: Claimant, max: number): Promise<WaitingRun[]> {
  const { rows } = await sql<WaitingRun>`
    with ${candidates(claimant, max)}
    select id, organization_id as "organizationId", share::int as share from candidates
    order by share, queued_at, id`.execute(db)
  return rows
}

/** How many runs each of the organizations has in execution, over all workers. */
export async function countHeld(db: Db, organizationIds: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ id: string; held: number }>`
    select organization_id as id, count(*)::int as held from runs
    where status = 'running' and organization_id = any(${organizationIds}::uuid[])
      and worker_id in (select id from workers where expires_at > now())
    group by organization_id`.execute(db)
  return new Map(rows.map(({ id, held }) => [id, held]))
}
