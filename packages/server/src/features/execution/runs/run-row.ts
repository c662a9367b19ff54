import type { Selectable } from 'kysely'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Runs } from '../../../platform/db/schema.generated.ts'
import { RunErrorWire } from './run-wire.ts'
import type { JsonRecord, RunError, RunModel, StoredRun } from './run.ts'

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

/** The columns that a run is read from. */
export const runColumns = [
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
  'input',
  'config',
  'metadata',
  'budget_usd',
  'model_id',
  'model',
  'timeout_ms',
  'output',
  'report',
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

export type RunRow = Pick<Selectable<Runs>, (typeof runColumns)[number]>

/** Converts a row to a run; its content stays as it is stored. Throws DamagedRow. */
export function toRun(row: RunRow): StoredRun {
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
    input: parseRecord(row.input),
    config: parseRecord(row.config),
    metadata: parseRecord(row.metadata),
    budgetUsd: row.budget_usd,
    modelRowId: row.model_id,
    model: row.model === null ? null : parseModel(row.model),
    timeoutMs: row.timeout_ms,
    output: row.output,
    report: row.report,
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
