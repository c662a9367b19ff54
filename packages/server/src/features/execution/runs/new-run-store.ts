import { CompiledQuery } from 'kysely'
import type { Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { IdempotencyKey } from '../../../platform/http/idempotency.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { runColumns, toRun, type RunRow } from './run-row.ts'
import { toStoredSummary } from './run-wire.ts'
import type { StoredRun } from './run.ts'

/** A run to be written, its content as it is to be stored. */
export type NewRun = Pick<
  StoredRun,
  | 'id'
  | 'agentId'
  | 'agentName'
  | 'packageVersionId'
  | 'version'
  | 'userId'
  | 'apiKeyId'
  | 'input'
  | 'config'
  | 'metadata'
  | 'budgetUsd'
  | 'modelRowId'
  | 'model'
  | 'timeoutMs'
  | 'scheduleId'
  | 'scheduledFor'
> & { readonly packageId: string; readonly idempotency: IdempotencyKey | undefined }

// Every run comes through here: one statement, sent as it is. What the database decides, the event takes from the row.
const insertion = `
  with r as (
    insert into runs (id, organization_id, application_id, end_user_id, agent_id, agent_name, package_id, package_version_id, version,
      user_id, api_key_id, input, config, metadata, budget_usd, model_id, model, timeout_ms, idempotency_key_hash, idempotency_body_hash, schedule_id, scheduled_for, status, last_seq)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, 'pending', 1)
    returning *
  ), created as (
    insert into run_events (run_id, seq, id, organization_id, application_id, agent_id, end_user_id, kind, type, level, event, data)
    select id, last_seq, $23::uuid, organization_id, application_id, agent_id, end_user_id, 'run_update', 'system', 'info', 'created',
      $24::jsonb || jsonb_build_object(
        'createdAt', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'budget', trim_scale(budget_usd)::text)
    from r
  )
  select ${runColumns.join(', ')} from r`

/** Writes a run with the first event of its journal. */
export async function insertRun(tx: Tx, scope: AppScope, run: NewRun): Promise<StoredRun> {
  const values = [
    run.id,
    scope.organizationId,
    scope.applicationId,
    scope.endUserId,
    run.agentId,
    run.agentName,
    run.packageId,
    run.packageVersionId,
    run.version,
    run.userId,
    run.apiKeyId,
    toJsonText(run.input),
    toJsonText(run.config),
    toJsonText(run.metadata),
    run.budgetUsd,
    run.modelRowId,
    run.model === null ? null : toJsonText(run.model),
    run.timeoutMs,
    run.idempotency?.keyHash ?? null,
    run.idempotency?.bodyHash ?? null,
    run.scheduleId,
    run.scheduledFor,
    newUuid(),
    toJsonText(toStoredSummary(unstarted(scope, run))),
  ]
  const { rows } = await tx.executeQuery<RunRow>(CompiledQuery.raw(insertion, values))
  const [row] = rows
  if (row === undefined) throw new Error(`Run ${run.id} was not inserted.`)
  return toRun(row)
}

function unstarted(scope: AppScope, run: NewRun): StoredRun {
  const usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }
  const ending = { output: null, report: null, error: null, usage, costUsd: '0', startedAt: null, completedAt: null }
  return { ...run, ...scope, ...ending, status: 'pending', attempt: 0, createdAt: new Date(0) }
}
