import type { Selectable } from 'kysely'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Runs } from '../../../platform/db/schema.generated.ts'
import { RunErrorWire } from './run-wire.ts'
import type { JsonRecord, RunContent, RunError, RunModel, StoredRun, StoredRunSummary } from './run.ts'

/** A column has content that no version of this program has written. */
class DamagedRow extends Error {
  override readonly name = 'DamagedRow'
}

const recordOf = Compile(Type.Record(Type.String(), Type.Unknown()))
const errorOf = Compile(RunErrorWire)
const text = Type.String()
const modelOf = Compile(
  Type.Object({
    label: text,
    api: text,
    modelId: text,
    contextWindow: Type.Union([Type.Integer(), Type.Null()]),
    maxTokens: Type.Union([Type.Integer(), Type.Null()]),
    price: Type.Union([Type.Object({ input: text, output: text, cacheRead: text, cacheWrite: text }), Type.Null()]),
  }),
)

/** The columns of a run that lists read: none of them can be large. */
export const runSummaryColumns = [
  'id',
  'organization_id',
  'application_id',
  'agent_id',
  'agent_name',
  'package_version_id',
  'version',
  'end_user_id',
  'user_id',
  'api_key_id',
  'schedule_id',
  'scheduled_for',
  'status',
  'attempt',
  'budget_usd',
  'model_id',
  'model',
  'timeout_ms',
  'error',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'cost_usd',
  'created_at',
  'started_at',
  'completed_at',
] as const satisfies readonly (keyof Runs)[]

/** The columns with a run's contents, by the names of its fields. */
export const runContentColumns = [
  'input',
  'config',
  'metadata',
  'output',
  'report',
] as const satisfies readonly (keyof Runs)[]

/** The columns that a run is read from. */
export const runColumns = [...runSummaryColumns, ...runContentColumns] as const

export type RunSummaryRow = Pick<Selectable<Runs>, (typeof runSummaryColumns)[number]>
export type RunRow = Pick<Selectable<Runs>, (typeof runColumns)[number]>

/** Converts a row to a run; its content stays as it is stored. Throws DamagedRow. */
export function toRun(row: RunRow): StoredRun {
  return {
    ...toStoredRunSummary(row),
    input: parseRecord(row.input),
    config: parseRecord(row.config),
    metadata: parseRecord(row.metadata),
    output: row.output,
    report: row.report,
  }
}

/** Converts the contents that a row has. Throws DamagedRow. */
export function toRunContents(row: Partial<Pick<RunRow, RunContent>>): Partial<Pick<StoredRun, RunContent>> {
  const { input, config, metadata, output, report } = row
  return {
    ...(input === undefined ? {} : { input: parseRecord(input) }),
    ...(config === undefined ? {} : { config: parseRecord(config) }),
    ...(metadata === undefined ? {} : { metadata: parseRecord(metadata) }),
    ...(output === undefined ? {} : { output }),
    ...(report === undefined ? {} : { report }),
  }
}

/** Converts a row without contents. Throws DamagedRow. */
export function toStoredRunSummary(row: RunSummaryRow): StoredRunSummary {
  return {
    id: row.id,
    organizationId: row.organization_id,
    applicationId: row.application_id,
    agentId: row.agent_id,
    agentName: row.agent_name,
    packageVersionId: row.package_version_id,
    version: row.version,
    endUserId: row.end_user_id,
    userId: row.user_id,
    apiKeyId: row.api_key_id,
    scheduleId: row.schedule_id,
    scheduledFor: row.scheduled_for,
    status: row.status,
    attempt: row.attempt,
    budgetUsd: row.budget_usd,
    modelRowId: row.model_id,
    model: row.model === null ? null : parseModel(row.model),
    timeoutMs: row.timeout_ms,
    error: row.error === null ? null : parseError(row.error),
    usage: {
      inputTokens: row.input_tokens,
      outputTokens: row.output_tokens,
      cacheReadTokens: row.cache_read_tokens,
      cacheWriteTokens: row.cache_write_tokens,
    },
    costUsd: row.cost_usd,
    createdAt: row.created_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
  }
}

function parseRecord(value: unknown): JsonRecord {
  if (recordOf.Check(value)) return value
  throw new DamagedRow('A run has a damaged JSON column.')
}

function parseModel(value: unknown): RunModel {
  if (modelOf.Check(value)) return value
  throw new DamagedRow('A run has a damaged model.')
}

function parseError(value: unknown): RunError {
  if (errorOf.Check(value)) return value
  throw new DamagedRow('A run has a damaged error.')
}
