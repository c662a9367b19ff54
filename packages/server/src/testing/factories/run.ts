import { randomBytes } from 'node:crypto'
import type { Static } from 'typebox'
import { plainSeal } from '../../features/accounts/end-users/index.ts'
import {
  appendEvents,
  isTerminal,
  logLine,
  runColumns,
  runUpdate,
  sealEntries,
  toRun,
  toRunSummaryWire,
  type JsonRecord,
  type RunStatus,
  type RunSummaryWire,
  type StoredRun,
} from '../../features/execution/runs/index.ts'
import type { Db, Tx } from '../../platform/db/database.ts'
import { newUuid, parseWireId, toWireId } from '../../platform/ids/id.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Wake } from '../../platform/wake/wake.ts'
import type { Tenant } from './tenant.ts'

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
  readonly status?: RunStatus
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
  readonly status?: RunStatus
  /** Without a status, the event is a `run_log` with this message. */
  readonly message?: string
  readonly data?: JsonRecord
}

type On = { readonly db: Db; readonly wake?: Wake }

/**
 * Appends an event like the engine; returns its seq. Wakes the readers if `wake` is given; in a transaction, pass only
 * `{ db: tx }`.
 */
export async function appendEvent(on: On, run: InsertedRun, options: EventOptions = {}): Promise<number> {
  const { status, message = '', data } = options
  const seq = await inTransaction(on.db, async (tx) => {
    const events =
      status === undefined
        ? sealEntries(plainSeal, [logLine('info', message, data)])
        : [runUpdate(await setStatus(tx, run, status), isTerminal(status) ? 'completed' : 'started')]
    await appendEvents(tx, run, events)
    return lastSeqOf(tx, run)
  })
  on.wake?.wake('events', `${run.applicationId}:${run.id}`)
  return seq
}

/** Appends `count` log lines; each message is its seq. Wakes the readers like appendEvent. */
export async function appendLogs(on: On, run: InsertedRun, count: number): Promise<void> {
  await inTransaction(on.db, async (tx) => {
    await tx.selectFrom('runs').select('id').where('id', '=', run.id).forUpdate().executeTakeFirstOrThrow()
    const first = (await lastSeqOf(tx, run)) + 1
    const lines = Array.from({ length: count }, (_, index) => logLine('info', String(first + index)))
    await appendEvents(tx, run, sealEntries(plainSeal, lines))
  })
  on.wake?.wake('events', `${run.applicationId}:${run.id}`)
}

/** The run as the `run_update` that reports a status shows it. */
export async function summaryOf(
  { db }: On,
  run: InsertedRun,
  status: RunStatus,
): Promise<Static<typeof RunSummaryWire>> {
  const row = await db.selectFrom('runs').select(runColumns).where('id', '=', run.id).executeTakeFirstOrThrow()
  const completedAt = isTerminal(status) ? row.completed_at : null
  return toRunSummaryWire({ ...toRun(row), status, completedAt, seal: plainSeal })
}

async function setStatus(tx: Tx, run: InsertedRun, status: RunStatus): Promise<StoredRun> {
  const row = await tx
    .updateTable('runs')
    .set({ status, ...(isTerminal(status) ? { completed_at: new Date() } : {}) })
    .where('id', '=', run.id)
    .returning(runColumns)
    .executeTakeFirstOrThrow()
  return toRun(row)
}

async function lastSeqOf(tx: Tx, run: InsertedRun): Promise<number> {
  const row = await tx.selectFrom('runs').select('last_seq').where('id', '=', run.id).executeTakeFirstOrThrow()
  return row.last_seq
}

function inTransaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  return isTransaction(db) ? work(db) : db.transaction().execute(work)
}

function isTransaction(db: Db): db is Tx {
  return db.isTransaction
}
