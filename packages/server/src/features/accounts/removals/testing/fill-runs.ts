import { sql } from 'kysely'
import type { InsertedRun } from '../../../../testing/factories/run.ts'
import type { World } from '../../../../testing/world.ts'

/** Copies an ended run `runs` times, each with `events` log lines. */
export async function fillRuns(
  { platform: { db } }: Pick<World, 'platform'>,
  run: InsertedRun,
  { runs, events }: { readonly runs: number; readonly events: number },
): Promise<void> {
  await sql`
    with copies as (
      insert into runs (
        id, organization_id, application_id, agent_id, agent_name, package_id, package_version_id, version, status,
        model, timeout_ms, completed_at)
      select gen_random_uuid(), organization_id, application_id, agent_id, agent_name, package_id, package_version_id,
        version, 'success', model, timeout_ms, now()
      from runs cross join generate_series(1, ${runs}) where id = ${run.id}
      returning id, organization_id, application_id, agent_id
    )
    insert into run_events (run_id, seq, id, organization_id, application_id, agent_id, kind, type, level, event)
    select c.id, seq, gen_random_uuid(), c.organization_id, c.application_id, c.agent_id,
      'run_log', 'log', 'info', 'log'
    from copies c cross join generate_series(1, ${events}) as seq`.execute(db)
}
