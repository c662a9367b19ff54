import type { Db, Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { IdempotencyKey } from '../../../platform/http/idempotency/idempotency.ts'
import { problem, type InvalidPart } from '../../../platform/problems/problem.ts'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import { schemaChecks } from '../../../platform/json-schema/schema-checks.ts'
import type { Platform } from '../../../platform/platform.ts'
import { getInstalledAgent, type Agent, type AgentVersion } from '../../catalog/agents/index.ts'
import { findRunnableModel, type RunnableModel } from '../../catalog/models/index.ts'
import { contentSeals, holdEndUser, type ContentSeal } from '../../accounts/end-users/index.ts'
import { findFiles, unsealFiles, type ReadableFile, type StoredFile } from '../files/index.ts'
import { inputBytesMax } from '../sandboxes/index.ts'
import { unsealRunWith, sealStart } from './run-content.ts'
import type { RunRequest } from './run-request.ts'
import { insertRun, insertRunInputs } from './run-store.ts'
import type { Run, RunModel } from './run.ts'

/** The user, API key or schedule that starts a run. */
export interface RunOrigin {
  readonly userId: string | null
  readonly apiKeyId: string | null
  readonly scheduleId: string | null
  /** The nominal time of a schedule's fire; unique per schedule. */
  readonly scheduledFor: Date | null
}

/** A run that can start, with everything that it needs. */
export interface PreparedRun {
  readonly agent: Agent
  readonly version: AgentVersion
  readonly model: RunnableModel
  readonly files: readonly ReadableFile[]
  readonly request: RunRequest
  /** The seal of the run's content. */
  readonly seal: ContentSeal
}

interface Where {
  readonly db: Db
  readonly platform: Pick<Platform, 'db' | 'use' | 'config'>
  readonly scope: AppScope
}

/**
 * Checks that a run can start. Throws `agent-not-found`, `agent-version-not-found`, `validation-error`,
 * `run-not-ready` with every reason at once, or `rate-limited` when too many checks of the organization wait.
 */
export async function prepareRun(
  { db, platform, scope }: Where,
  agentReference: string,
  request: RunRequest,
): Promise<PreparedRun> {
  const { agent, version } = await getInstalledAgent(db, scope, { reference: agentReference, version: request.version })
  const reasons: InvalidPart[] = agent.enabled
    ? []
    : [{ pointer: '/agentId', message: 'is disabled', code: 'agent-disabled' }]
  const requested = request.modelId === undefined ? undefined : parseWireId('model', request.modelId)
  const model = await findRunnableModel(db, platform, scope.organizationId, {
    ...(requested === undefined ? {} : { requested }),
    agentModelId: agent.modelId,
  })
  if ('missing' in model)
    reasons.push({
      pointer: requested === undefined ? '' : '/modelId',
      message: whyNoModel[model.missing],
      code: model.missing,
    })
  const { files: stored, missing } = await findRequestedFiles(db, scope, request.files ?? [])
  reasons.push(...missing, ...findExcess(platform, stored))
  const schema = version.manifest.input?.schema
  const about = { value: request.input ?? {}, pointer: '/input' }
  const mistakes =
    schema === undefined ? [] : await platform.use(schemaChecks).check(scope.organizationId, { schema, ...about })
  refuse(reasons, mistakes)
  if ('missing' in model) throw problem('run-not-ready')
  return {
    agent,
    version,
    model,
    request,
    files: await unsealFiles(platform, stored),
    seal: await platform.use(contentSeals).of(platform.db, scope),
  }
}

/**
 * Inserts a prepared run with its first event. Throws `run-not-ready` when a file was deleted since it was prepared,
 * `invalid-end-user` when the end-user was erased.
 */
export async function insertPreparedRun(
  tx: Tx,
  scope: AppScope,
  about: {
    prepared: PreparedRun
    origin: RunOrigin
    idempotency?: IdempotencyKey | undefined
    /** Refuses the run when the organization may not have another one. */
    admit?: () => Promise<void>
  },
): Promise<Run> {
  const { prepared, origin, idempotency } = about
  const { model, files, request, seal } = prepared
  await holdEndUser(tx, scope)
  await holdFiles(tx, scope, request.files)
  // After the locks of what the run uses, because it may wait for other starts.
  await about.admit?.()
  const run = await insertRun(tx, scope, {
    ...sealStart(seal, startOf(prepared, request)),
    ...origin,
    modelRowId: model.id,
    model: {
      label: model.label,
      api: model.api,
      modelId: model.modelId,
      contextWindow: model.contextWindow,
      maxTokens: model.maxTokens,
      price: model.price,
    } satisfies RunModel,
    idempotency,
  })
  await insertRunInputs(tx, scope, {
    runId: run.id,
    files: nameInputs(files).map(({ id, name }) => ({ id, name: seal.sealText(name) })),
  })
  return unsealRunWith(seal, run)
}

/** The fields of a new run that come from its agent and its request. */
export function startOf(
  { agent, version }: { readonly agent: Agent; readonly version: AgentVersion },
  request: RunRequest,
) {
  return {
    id: newUuid(),
    agentId: agent.id,
    agentName: agent.name,
    packageId: agent.packageId,
    packageVersionId: version.id,
    version: version.version,
    input: request.input ?? {},
    config: request.config ?? {},
    metadata: request.metadata ?? {},
    budgetUsd: request.budget ?? null,
    timeoutMs: version.manifest.timeout * 1000,
  }
}

const whyNoModel = {
  'model-not-configured': 'No model is configured: add one with POST /api/models, or set a default model',
  'model-not-found': 'is not a model of this organization',
  'model-disabled': 'is disabled: enable it or choose another model',
} as const

async function findRequestedFiles(
  db: Db,
  scope: AppScope,
  wireIds: readonly string[],
): Promise<{ files: StoredFile[]; missing: InvalidPart[] }> {
  const ids = wireIds.map((wireId) => parseWireId('file', wireId) ?? '')
  const files = await findFiles(db, scope, ids)
  const missing = ids.flatMap((id, index) =>
    files.some((file) => file.id === id)
      ? []
      : [{ pointer: `/files/${index}`, message: 'is not a file of this application', code: 'file-not-found' }],
  )
  return { files, missing }
}

function findExcess({ config }: Pick<Platform, 'config'>, files: readonly StoredFile[]): InvalidPart[] {
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const bytesMax = inputBytesMax(config)
  if (bytes <= bytesMax) return []
  const message = `have ${bytes} bytes together, which is more than the ${bytesMax} bytes that a run can be given`
  return [{ pointer: '/files', message, code: 'files-too-large' }]
}

function refuse(reasons: readonly InvalidPart[], mistakes: readonly InvalidPart[]): void {
  const errors = [...reasons, ...mistakes]
  if (errors.length === 0) return
  const list = errors
    .map(({ pointer, message }) => (pointer === '' ? message : `${pointer.slice(1)} ${message}`))
    .join('; ')
  throw problem(reasons.length > 0 ? 'run-not-ready' : 'validation-error', {
    detail: `The run cannot start: ${list}.`,
    errors,
  })
}

// Locks the files: one can have been deleted since it was looked up.
async function holdFiles(tx: Tx, scope: AppScope, wireIds: readonly string[] | undefined): Promise<void> {
  if (wireIds === undefined || wireIds.length === 0) return
  const { missing } = await findRequestedFiles(tx, scope, wireIds)
  refuse(missing, [])
}

/** Makes the names of input files unique: `a.csv`, `a_1.csv`. */
export function nameInputs(files: readonly { id: string; name: string }[]): { id: string; name: string }[] {
  const taken = new Set<string>()
  return files.map(({ id, name }) => {
    const dot = name.lastIndexOf('.')
    const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, '']
    let unique = name
    for (let copy = 1; taken.has(unique); copy += 1) unique = `${stem}_${copy}${extension}`
    taken.add(unique)
    return { id, name: unique }
  })
}
