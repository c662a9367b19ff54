import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from '../../platform/db/database.ts'
import { newUuid, parseWireId, toWireId } from '../../platform/ids/id.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Wake } from '../../platform/wake/wake.ts'
import type { Tenant } from './tenant.ts'

export type Status = 'pending' | 'running' | 'waiting' | 'success' | 'failed' | 'timeout' | 'cancelled'

/** The parts of an agent that a run refers to. */
export interface InsertedAgent {
  /** As stored. */
  readonly id: string
  readonly wireId: string
  /** `@scope/name`. */
  readonly name: string
  readonly packageId: string
  readonly versionId: string
}

export interface InsertedRun {
  /** As stored. */
  readonly id: string
  readonly wireId: string
  readonly organizationId: string
  readonly applicationId: string
  readonly endUserId: string | null
  readonly agent: InsertedAgent
}

export interface RunOptions {
  readonly status?: Status
  readonly agent?: InsertedAgent
  /** The wire id of an end-user of the tenant. */
  readonly endUser?: string
}

type Owner = Pick<Tenant, 'organizationId' | 'applicationId'>

/** Inserts an agent with one version directly into the database. */
export async function insertAgent(
  { db }: Pick<Platform, 'db'>,
  { organizationId, applicationId }: Owner,
): Promise<InsertedAgent> {
  const [id, packageId, versionId] = [newUuid(), newUuid(), newUuid()]
  const name = `agent-${randomBytes(4).toString('hex')}`
  const manifest = JSON.stringify({
    name: `@test/${name}`,
    version: '1.0.0',
    type: 'agent',
    displayName: name,
    tools: [],
    timeout: 300,
  })
  await db
    .insertInto('packages')
    .values({ id: packageId, organization_id: organizationId, scope: 'test', name, type: 'agent' })
    .execute()
  await db
    .insertInto('package_versions')
    .values({
      id: versionId,
      organization_id: organizationId,
      package_id: packageId,
      version: '1.0.0',
      manifest,
      prompt: 'Do it.',
    })
    .execute()
  await db
    .insertInto('application_packages')
    .values({
      id,
      organization_id: organizationId,
      application_id: applicationId,
      package_id: packageId,
      version_id: versionId,
    })
    .execute()
  return { id, wireId: toWireId('agent', id), name: `@test/${name}`, packageId, versionId }
}

/** Inserts a run without events; creates an agent unless one is given. */
export async function insertRun(
  platform: Pick<Platform, 'db'>,
  tenant: Owner,
  options: RunOptions = {},
): Promise<InsertedRun> {
  const id = newUuid()
  const { organizationId, applicationId } = tenant
  const agent = options.agent ?? (await insertAgent(platform, tenant))
  const endUserId = options.endUser === undefined ? null : (parseWireId('eu', options.endUser) ?? null)
  await platform.db
    .insertInto('runs')
    .values({
      id,
      organization_id: organizationId,
      application_id: applicationId,
      agent_id: agent.id,
      agent_name: agent.name,
      package_id: agent.packageId,
      package_version_id: agent.versionId,
      version: '1.0.0',
      end_user_id: endUserId,
      status: options.status ?? 'running',
      model: JSON.stringify({
        label: 'Scripted',
        api: 'openai',
        modelId: 'scripted',
        contextWindow: null,
        maxTokens: null,
        price: null,
      }),
      timeout_ms: 300_000,
    })
    .execute()
  return { id, wireId: toWireId('run', id), organizationId, applicationId, endUserId, agent }
}

export interface EventOptions {
  /** If given, the event is a `run_update` and the run gets this status. */
  readonly status?: Status
  /** Without a status, the event is a `run_log` with this message. */
  readonly message?: string
  readonly data?: unknown
  readonly event?: string
}

/**
 * Appends an event like the engine, in one statement that allocates the run's next seq; returns the seq.
 * Wakes the readers if `wake` is given; in a transaction, pass only `{ db: tx }`.
 */
export async function appendEvent(
  on: { readonly db: Db; readonly wake?: Wake },
  run: InsertedRun,
  options: EventOptions = {},
): Promise<number> {
  const { status = null, message = null } = options
  const kind = status === null ? 'run_log' : 'run_update'
  const data = status === null ? (options.data ?? null) : { id: run.wireId, status, ...Object(options.data) }
  const json = data === null ? null : JSON.stringify(data)
  const result = await sql<{ seq: number }>`
    with r as (
      update runs set last_seq = last_seq + 1, status = coalesce(${status}::text, status),
        completed_at = case when ${status}::text in ('success', 'failed', 'timeout', 'cancelled') then now()
          else completed_at end
      where id = ${run.id} returning *)
    insert into run_events (run_id, seq, id, organization_id, application_id, agent_id, end_user_id,
      kind, type, level, event, message, data)
    select id, last_seq, ${newUuid()}::uuid, organization_id, application_id, agent_id, end_user_id,
      ${kind}::text, 'progress', 'info', ${options.event ?? 'progress'}::text, ${message}::text, ${json}::jsonb
    from r returning seq`.execute(on.db)
  on.wake?.wake('events', `${run.applicationId}:${run.id}`)
  const [row] = result.rows
  if (row === undefined) throw new Error(`The run ${run.id} does not exist.`)
  return row.seq
}

/** Appends `count` log entries in one statement; each message is its seq. Wakes the readers like appendEvent. */
export async function appendLogs(
  on: { readonly db: Db; readonly wake?: Wake },
  run: InsertedRun,
  count: number,
): Promise<void> {
  await sql`
    with r as (update runs set last_seq = last_seq + ${count} where id = ${run.id} returning *)
    insert into run_events (run_id, seq, id, organization_id, application_id, agent_id, end_user_id,
      kind, type, level, event, message)
    select id, last_seq - ${count}::bigint + n, gen_random_uuid(),
      organization_id, application_id, agent_id, end_user_id,
      'run_log', 'progress', 'info', 'progress', (last_seq - ${count}::bigint + n)::text
    from r cross join generate_series(1, ${count}::bigint) as n order by n`.execute(on.db)
  on.wake?.wake('events', `${run.applicationId}:${run.id}`)
}
