import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../../platform/db/database.ts'
import { toWireId } from '../../platform/ids/id.ts'
import type { InsertedAgent } from '../factories/run.ts'
import type { Tenant } from '../factories/tenant.ts'

export interface Filling {
  readonly tenant: Pick<Tenant, 'organizationId' | 'applicationId' | 'userId'>
  readonly agent: InsertedAgent
  /** Rows of each table that is not named below. */
  readonly rows: number
  readonly runs: number
  readonly eventsOfEachRun: number
  /** Log entries of the run whose log is listed. */
  readonly eventsOfOneRun: number
}

/** The values of path parameters, for lists that have rows: wire ids. */
export type PathIds = Readonly<Record<'orgId' | 'agentId' | 'runId' | 'scheduleId' | 'webhookId' | 'endUserId', string>>

/** A UUID that sorts by `n`, for rows of one kind. */
function uuid(kind: number, n: RawBuilder<unknown> = sql`n`): RawBuilder<string> {
  return sql<string>`
    ('01936b2a-' || lpad(to_hex((${n})::int / 4096), 4, '0') || '-7' || lpad(to_hex((${n})::int % 4096), 3, '0')
      || '-8000-' || lpad(to_hex(${kind}::int), 4, '0') || substr(md5(${n}::text), 1, 8))::uuid`
}

/** Fills every list of a tenant by SQL: through the API it would take hours. */
export async function fillLists(db: Db, filling: Filling): Promise<PathIds> {
  const { tenant, agent } = filling
  await fillAccounts(db, filling)
  await fillCatalog(db, filling)
  await fillExecution(db, filling)
  await fillDelivery(db, filling)
  await sql`analyze`.execute(db)
  const first = async (kind: number) => {
    const { rows } = await sql<{ id: string }>`select ${uuid(kind, sql`1`)} as id`.execute(db)
    return rows[0]?.id ?? ''
  }
  return {
    orgId: toWireId('org', tenant.organizationId),
    agentId: agent.wireId,
    endUserId: toWireId('eu', await first(4)),
    scheduleId: toWireId('sched', await first(8)),
    runId: toWireId('run', await first(9)),
    webhookId: toWireId('wh', await first(12)),
  }
}

// Rows of the same millisecond are among them, because a time alone is no cursor.
const time = sql`now() - interval '1 day' + (n / 3) * interval '1 second'`

async function fillAccounts(db: Db, { tenant: { organizationId, applicationId, userId }, rows }: Filling) {
  const all = sql`generate_series(1, ${rows}::int) n`
  await sql`
    insert into organizations (id, name, slug) select ${uuid(1)}, 'Org', ${userId.slice(-10)} || n from ${all}`.execute(
    db,
  )
  await sql`
    insert into organization_members (organization_id, user_id, role, joined_at)
    select ${uuid(1)}, ${userId}, 'owner', ${time} from ${all}`.execute(db)
  await sql`
    insert into users (id, name, email)
    select ${userId} || lpad(n::text, 8, '0'), 'Member', ${userId} || n || '@example.com' from ${all}`.execute(db)
  await sql`
    insert into organization_members (organization_id, user_id, role, joined_at)
    select ${organizationId}, ${userId} || lpad(n::text, 8, '0'), 'member', ${time} from ${all}`.execute(db)
  await sql`insert into administrators (user_id) values (${userId}) on conflict do nothing`.execute(db)
  await sql`
    insert into sessions (id, user_id, token, expires_at, created_at)
    select 'ses_' || lpad(n::text, 8, '0'), ${userId}, md5(n::text), now() + interval '1 day', ${time}
    from ${all}`.execute(db)
  await sql`
    insert into security_events (id, user_id, action)
    select ${uuid(17)}, ${userId}, 'password.changed' from ${all}`.execute(db)
  await sql`
    insert into invitations (id, organization_id, email, role, token_hash, expires_at)
    select ${uuid(2)}, ${organizationId}, 'guest' || n || '@example.com', 'member', sha256(n::text::bytea),
      now() + interval '1 day' from ${all}`.execute(db)
  await sql`
    insert into applications (id, organization_id, name)
    select ${uuid(3)}, ${organizationId}, 'Application' from ${all}`.execute(db)
  await sql`
    insert into end_users (id, organization_id, application_id, external_id)
    select ${uuid(4)}, ${organizationId}, ${applicationId}, 'user ' || n from ${all}`.execute(db)
  await sql`
    insert into api_keys (id, organization_id, application_id, name, key_hash, key_prefix, scopes, created_by)
    select ${uuid(5)}, ${organizationId}, ${applicationId}, 'Key', sha256(n::text::bytea), 'ask_', '{}', ${userId}
    from ${all}`.execute(db)
}

async function fillCatalog(db: Db, { tenant: { organizationId, applicationId }, agent, rows }: Filling) {
  const all = sql`generate_series(1, ${rows}::int) n`
  await sql`
    insert into provider_keys (id, organization_id, label, api, encrypted_key)
    select ${uuid(6)}, ${organizationId}, 'Key', 'openai-completions', 'x' from ${all}`.execute(db)
  await sql`
    insert into models (id, organization_id, provider_key_id, label, model_id)
    select ${uuid(6)}, ${organizationId}, ${uuid(6)}, 'Model', 'model' from ${all}`.execute(db)
  await sql`
    insert into packages (id, organization_id, scope, name, type)
    select ${uuid(7)}, ${organizationId}, 'many', 'agent-' || n, 'agent' from ${all}`.execute(db)
  await sql`
    insert into package_versions (id, organization_id, package_id, version, manifest, prompt)
    select ${uuid(7)}, ${organizationId}, ${uuid(7)}, '1.0.0', '{"displayName": "Agent", "timeout": 60}', 'Work.'
    from ${all}`.execute(db)
  await sql`
    insert into application_packages (id, organization_id, application_id, package_id, version_id)
    select ${uuid(7)}, ${organizationId}, ${applicationId}, ${uuid(7)}, ${uuid(7)} from ${all}`.execute(db)
  await sql`
    insert into package_versions (id, organization_id, package_id, version, manifest, prompt)
    select ${uuid(17)}, ${organizationId}, ${agent.packageId}, '1.1.' || n, '{"displayName": "Agent"}', 'Work.'
    from ${all}`.execute(db)
}

async function fillExecution(db: Db, filling: Filling) {
  const { tenant, agent, rows, runs, eventsOfEachRun, eventsOfOneRun } = filling
  const { organizationId, applicationId } = tenant
  const all = sql`generate_series(1, ${rows}::int) n`
  await sql`
    insert into schedules (id, organization_id, application_id, agent_id, cron, timezone, missed_fires, overlap)
    select ${uuid(8)}, ${organizationId}, ${applicationId}, ${agent.id}, '0 0 1 1 *', 'UTC', 'skip', 'allow'
    from ${all}`.execute(db)
  await sql`
    insert into schedule_fires (application_id, schedule_id, scheduled_for, outcome)
    select ${applicationId}, ${uuid(8, sql`1`)}, now() - n * interval '1 minute', 'started' from ${all}`.execute(db)
  await insertRuns(db, { tenant, agent, from: 1, to: runs, eventsOfEachRun })
  await sql`
    insert into run_events (
      run_id, seq, id, organization_id, application_id, agent_id, kind, type, level, event, message)
    select ${uuid(9, sql`1`)}, ${eventsOfEachRun}::int + n, gen_random_uuid(), ${organizationId}, ${applicationId},
      ${agent.id}, 'run_log', 'progress', 'info', 'log', 'Entry'
    from generate_series(1, ${eventsOfOneRun}::int) n`.execute(db)
  await sql`
    insert into files (id, organization_id, application_id, run_id, name, size_bytes, content_type, sha256)
    select ${uuid(10)}, ${organizationId}, ${applicationId}, ${uuid(9, sql`1`)}, 'file ' || n, 1, 'text/plain',
      sha256(n::text::bytea)
    from ${all}`.execute(db)
}

/** Inserts runs with their events, numbered from `from` to `to`, into a tenant that `fillLists` has filled. */
export async function insertRuns(
  db: Db,
  {
    tenant,
    agent,
    from,
    to,
    eventsOfEachRun,
  }: Pick<Filling, 'tenant' | 'agent' | 'eventsOfEachRun'> & {
    readonly from: number
    readonly to: number
  },
): Promise<void> {
  const { organizationId, applicationId } = tenant
  // Half of the runs are of the end-user and the schedule; few have not ended.
  await sql`
    insert into runs (id, organization_id, application_id, agent_id, agent_name, package_id, package_version_id,
      version, status, timeout_ms, end_user_id, schedule_id, input, last_seq)
    select ${uuid(9)}, ${organizationId}, ${applicationId}, ${agent.id}, ${agent.name}, ${agent.packageId},
      ${agent.versionId}, '1.0.0',
      case when n % 1000 = 5 then 'waiting' when n % 3 = 0 then 'failed' else 'success' end,
      300000, case when n % 2 = 0 then ${uuid(4, sql`1`)} end, case when n % 2 = 0 then ${uuid(8, sql`1`)} end,
      jsonb_build_object('n', n), ${eventsOfEachRun}
    from generate_series(${from}::int, ${to}::int) n`.execute(db)
  await sql`
    insert into run_events (
      run_id, seq, id, organization_id, application_id, agent_id, kind, type, level, event, message)
    select ${uuid(9)}, seq, gen_random_uuid(), ${organizationId}, ${applicationId}, ${agent.id},
      case when seq = 1 then 'run_update' else 'run_log' end, 'progress', 'info', 'log', 'Entry ' || seq
    from generate_series(${from}::int, ${to}::int) n, generate_series(1, ${eventsOfEachRun}::int) seq`.execute(db)
}

async function fillDelivery(db: Db, { tenant: { organizationId, applicationId }, rows }: Filling) {
  const all = sql`generate_series(1, ${rows}::int) n`
  await sql`
    insert into webhooks (id, organization_id, application_id, url, events, api_version, encrypted_secret)
    select ${uuid(12)}, ${organizationId}, ${applicationId}, 'https://example.com/', '{run.completed}', '2026-03-21', 'x'
    from ${all}`.execute(db)
  await sql`
    insert into webhook_events (id, organization_id, application_id, webhook_id, type, payload)
    select ${uuid(13)}, ${organizationId}, ${applicationId}, ${uuid(12, sql`1`)}, 'run.completed', '{}'
    from ${all}`.execute(db)
  await sql`
    insert into webhook_deliveries (id, application_id, webhook_id, event_id, event_type, attempt, status)
    select ${uuid(14)}, ${applicationId}, ${uuid(12, sql`1`)}, ${uuid(13)}, 'run.completed', 1, 'success'
    from ${all}`.execute(db)
  await sql`
    insert into notifications (id, organization_id, application_id, type, message)
    select ${uuid(15)}, ${organizationId}, ${applicationId}, 'webhook.disabled', 'Message' from ${all}`.execute(db)
  await sql`
    insert into audit_log (id, organization_id, application_id, action, actor)
    select ${uuid(16)}, ${organizationId}, ${applicationId}, 'agent.updated', '{"kind": "system"}' from ${all}`.execute(
    db,
  )
}
