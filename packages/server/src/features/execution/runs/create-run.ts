import { violatesUnique, type Db, type Tx } from '../../../platform/db/database.ts'
import type { AppScope, KeyCaller, UserCaller } from '../../../platform/http/caller.ts'
import type { Call } from '../../../platform/http/endpoint.ts'
import type { IdempotencyKey } from '../../../platform/http/idempotency.ts'
import { problem, type InvalidPart } from '../../../platform/http/problem.ts'
import { newUuid, parseWireId, toWireId } from '../../../platform/ids/id.ts'
import { checkAgainst } from '../../../platform/json-schema/json-schema.ts'
import { getInstalledAgent, type Agent, type AgentVersion } from '../../catalog/agents/index.ts'
import { findRunnableModel, type RunnableModel } from '../../catalog/models/index.ts'
import { findFiles, type FileRow } from '../files/index.ts'
import { insertRun } from './new-run-store.ts'
import type { RunRequest } from './run-request.ts'
import { findRunOfKey, insertRunInputs } from './run-store.ts'
import type { Run } from './run.ts'

type RunCall = Pick<Call<'application', never, Record<never, never>, never>, 'db' | 'scope' | 'platform' | 'idempotency' | 'change'> & {
  readonly caller: UserCaller | KeyCaller
}

interface Ready {
  readonly agent: Agent
  readonly version: AgentVersion
  readonly model: RunnableModel
  readonly files: readonly FileRow[]
}

/**
 * Checks that the run can start, and writes it with its first event. Nothing is written when it can't:
 * throws `agent-not-found`, `agent-version-not-found`, `validation-error`, or `run-not-ready` with every reason at once.
 */
export async function createRun(call: RunCall, agentReference: string, request: RunRequest): Promise<Run> {
  const repeated = await findRepeated(call)
  if (repeated !== undefined) return repeated
  const ready = await checkReadiness(call, agentReference, request)
  const run = await insert(call, ready, request)
  call.platform.wake.wake('runs', '')
  call.platform.wake.wake('events', `${run.applicationId}:${run.id}`)
  return run
}

// The key is on the run's row too: a crash between the commit and the stored reply never makes a second run.
async function findRepeated({ db, scope, idempotency }: RunCall): Promise<Run | undefined> {
  if (idempotency === undefined) return undefined
  const made = await findRunOfKey(db, scope, idempotency.keyHash)
  return made === undefined ? undefined : sameRequest(made, idempotency)
}

function sameRequest(made: { run: Run; bodyHash: Buffer | null }, idempotency: IdempotencyKey): Run {
  if (made.bodyHash?.equals(idempotency.bodyHash) === true) return made.run
  throw problem('idempotency-key-reuse', { detail: 'This Idempotency-Key was used with another body: take a new key for a new request.' })
}

async function checkReadiness(call: RunCall, agentReference: string, request: RunRequest): Promise<Ready> {
  const { db, scope, platform } = call
  const { agent, version } = await getInstalledAgent(db, scope, { reference: agentReference, version: request.version })
  const reasons: InvalidPart[] = agent.enabled ? [] : [{ pointer: '/agentId', message: 'is disabled', code: 'agent-disabled' }]
  const requested = request.modelId === undefined ? undefined : parseWireId('model', request.modelId)
  const model = await findRunnableModel(db, platform, scope.organizationId, { ...(requested === undefined ? {} : { requested }), agentModelId: agent.modelId })
  if ('missing' in model) reasons.push({ pointer: requested === undefined ? '' : '/modelId', message: whyNoModel[model.missing], code: model.missing })
  const { files, missing } = await findRequestedFiles(db, scope, request.files ?? [])
  reasons.push(...missing)
  const schema = version.manifest.input?.schema
  const mistakes = schema === undefined ? [] : checkAgainst(schema, request.input ?? {}, '/input')
  refuse(reasons, mistakes)
  if ('missing' in model) throw problem('run-not-ready')
  return { agent, version, model, files }
}

const whyNoModel = {
  'model-not-configured': 'No model is configured: add one with POST /api/models, or set a default model',
  'model-not-found': 'is not a model of this organization',
  'model-disabled': 'is disabled: enable it or choose another model',
} as const

async function findRequestedFiles(db: Db, scope: AppScope, wireIds: readonly string[]): Promise<{ files: FileRow[]; missing: InvalidPart[] }> {
  const ids = wireIds.map((wireId) => parseWireId('file', wireId) ?? '')
  const files = await findFiles(db, scope, ids)
  const missing = ids.flatMap((id, index) =>
    files.some((file) => file.id === id) ? [] : [{ pointer: `/files/${index}`, message: 'is not a file of this application', code: 'file-not-found' }],
  )
  return { files, missing }
}

function refuse(reasons: readonly InvalidPart[], mistakes: readonly InvalidPart[]): void {
  const errors = [...reasons, ...mistakes]
  if (errors.length === 0) return
  const list = errors.map(({ pointer, message }) => (pointer === '' ? message : `${pointer.slice(1)} ${message}`)).join('; ')
  throw problem(reasons.length > 0 ? 'run-not-ready' : 'validation-error', { detail: `The run can not start: ${list}.`, errors })
}

async function insert(call: RunCall, { agent, version, model, files }: Ready, request: RunRequest): Promise<Run> {
  const { scope, caller, idempotency } = call
  try {
    return await call.change(
      async (tx) => {
        await holdFiles(tx, scope, request.files)
        const run = await insertRun(tx, scope, {
          id: newUuid(),
          agentId: agent.id,
          agentName: agent.name,
          packageId: agent.packageId,
          packageVersionId: version.id,
          version: version.version,
          userId: caller.kind === 'user' ? caller.userId : null,
          apiKeyId: caller.kind === 'api-key' ? caller.keyId : null,
          input: request.input ?? {},
          config: request.config ?? {},
          metadata: request.metadata ?? {},
          budgetUsd: request.budget ?? null,
          modelRowId: model.id,
          model: { label: model.label, api: model.api, modelId: model.modelId, contextWindow: model.contextWindow, maxTokens: model.maxTokens, price: model.price },
          timeoutMs: version.manifest.timeout * 1000,
          idempotency,
        })
        await insertRunInputs(tx, scope, { runId: run.id, files: nameInputs(files) })
        return run
      },
      (run) => toWireId('run', run.id),
    )
  } catch (error) {
    const made = idempotency !== undefined && violatesUnique(error, 'runs_idempotency') ? await findRunOfKey(call.db, scope, idempotency.keyHash) : undefined
    if (made === undefined || idempotency === undefined) throw error
    return sameRequest(made, idempotency)
  }
}

// A file can have been deleted since it was looked up; from here on it can't be.
async function holdFiles(tx: Tx, scope: AppScope, wireIds: readonly string[] | undefined): Promise<void> {
  if (wireIds === undefined || wireIds.length === 0) return
  const { missing } = await findRequestedFiles(tx, scope, wireIds)
  refuse(missing, [])
}

/** Gives files of the same name different ones: `a.csv`, `a_1.csv`. */
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
