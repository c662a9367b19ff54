import { Type, type Static } from 'typebox'
import { toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import {
  JsonObject,
  Nullable,
  OneOf,
  toWireTime,
  wire,
  WireId,
  WireTime,
  WireUsd,
} from '../../../platform/http/wire.ts'
import { runStatuses, type Run, type RunContent, type RunError, type RunSummary } from './run.ts'

export const ReasonsWire = Type.Array(
  Type.Object({
    pointer: Type.String({ description: 'A JSON pointer to the wrong part.' }),
    message: Type.String({ description: 'What is wrong with it.' }),
  }),
  { description: 'Every reason of a failure that has several, such as the mistakes in an output.' },
)

export const RunErrorWire = Type.Object({
  code: Type.String({ description: 'The kind of the failure, such as `timeout` or `budget-exceeded`.' }),
  message: Type.String({ description: 'The failure, for people.' }),
  reasons: Type.Optional(ReasonsWire),
})

export const UsageWire = Type.Object({
  inputTokens: Type.Integer({
    description: 'Input tokens, without those that were read from or written to the cache.',
  }),
  outputTokens: Type.Integer({ description: 'Tokens of the answers.' }),
  cacheReadTokens: Type.Integer({ description: "Input tokens that were read from the provider's cache." }),
  cacheWriteTokens: Type.Integer({ description: "Input tokens that were written to the provider's cache." }),
})

const slim = {
  id: WireId('run', 'The run.'),
  agentId: WireId('agent', 'The agent.'),
  agent: Type.String({ description: 'The name of the agent, `@scope/name`.' }),
  version: Type.String({ description: 'The exact agent version that the run uses.' }),
  status: OneOf(runStatuses, { description: 'The current status.' }),
  endUserId: Nullable(WireId('eu', 'The end-user to whom the run belongs.')),
  userId: Nullable(WireId('usr', 'The user who started the run with a session.')),
  apiKeyId: Nullable(WireId('key', 'The API key that started the run.')),
  scheduleId: Nullable(WireId('sched', 'The schedule that started the run.')),
  scheduledFor: Nullable({
    ...WireTime,
    description: "The nominal time of the schedule's fire, by its cron expression.",
  }),
  modelId: Nullable(WireId('model', 'The model; null when the run could not start without one.')),
  modelLabel: Nullable(Type.String({ description: 'The label of the model when the run started.' })),
  error: Nullable({ ...RunErrorWire, description: 'Why the run ended without success.' }),
  usage: { ...UsageWire, description: 'The tokens of all model calls so far.' },
  cost: { ...WireUsd, description: 'The cost of all model calls so far, in USD.' },
  budget: Nullable({ ...WireUsd, description: 'The cost in USD at which the run stops.' }),
  createdAt: { ...WireTime, description: 'When the run was created.' },
  startedAt: Nullable({ ...WireTime, description: 'When a worker first started the run.' }),
  completedAt: Nullable({ ...WireTime, description: 'When the run ended.' }),
  duration: Nullable(Type.Integer({ description: 'Milliseconds from start to end.' })),
}

/** A run as lists and `run_update` events show it: without the fields that can be large. */
export const RunSummaryWire = wire('RunSummary', slim)

const contents = {
  input: JsonObject,
  config: JsonObject,
  metadata: JsonObject,
  output: Type.Unknown({ description: 'The value that the agent returned with `output`; null until then.' }),
  report: Nullable(Type.String()),
}

export const RunWire = wire('Run', { ...slim, ...contents })

/** A run in a list: with the contents that the request includes. */
export const RunListItemWire = wire('RunListItem', { ...slim, ...Type.Partial(Type.Object(contents)).properties })

/** A summary, and the contents that are shown with it. */
export type ListedRun = RunSummary & Partial<Pick<Run, RunContent>>

export function toRunListItemWire(run: ListedRun): Static<typeof RunListItemWire> {
  const { input, config, metadata, output, report } = run
  return {
    ...toRunSummaryWire(run),
    ...(input === undefined ? {} : { input }),
    ...(config === undefined ? {} : { config }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(output === undefined ? {} : { output }),
    ...(report === undefined ? {} : { report }),
  }
}

export function toRunSummaryWire(run: RunSummary): Static<typeof RunSummaryWire> {
  return toStoredSummary(run)
}

/** The summary as the journal and the outbox keep it: the texts of its error stay sealed. */
export function toStoredSummary(run: Omit<RunSummary, 'seal'>): Static<typeof RunSummaryWire> {
  return {
    id: toWireId('run', run.id),
    agentId: toWireId('agent', run.agentId),
    agent: run.agentName,
    version: run.version,
    status: run.status,
    endUserId: toWireIdOrNull('eu', run.endUserId),
    userId: run.userId,
    apiKeyId: toWireIdOrNull('key', run.apiKeyId),
    scheduleId: toWireIdOrNull('sched', run.scheduleId),
    scheduledFor: toWireTime(run.scheduledFor),
    modelId: toWireIdOrNull('model', run.modelRowId),
    modelLabel: run.model?.label ?? null,
    error: run.error === null ? null : toErrorWire(run.error),
    usage: run.usage,
    cost: trimUsd(run.costUsd),
    budget: run.budgetUsd === null ? null : trimUsd(run.budgetUsd),
    createdAt: toWireTime(run.createdAt),
    startedAt: toWireTime(run.startedAt),
    completedAt: toWireTime(run.completedAt),
    duration:
      run.startedAt === null || run.completedAt === null ? null : run.completedAt.getTime() - run.startedAt.getTime(),
  }
}

export function toRunWire(run: Run): Static<typeof RunWire> {
  return {
    ...toRunSummaryWire(run),
    input: run.input,
    config: run.config,
    metadata: run.metadata,
    output: run.output,
    report: run.report,
  }
}

const logFields = {
  id: WireId('evt', 'The entry.'),
  runId: WireId('run', 'The run.'),
  seq: Type.Integer({ description: "Position in the run's journal, ascending." }),
  type: Type.String({
    description: '`system`: about the run; `progress`: about its work; `result`: a result of the agent.',
  }),
  level: OneOf(['debug', 'info', 'warn', 'error'], { description: 'The severity.' }),
  event: Type.String({ description: 'The kind of the entry, which decides what `data` holds.' }),
  message: Nullable(Type.String({ description: 'The text of the entry.' })),
  data: Type.Unknown({ description: 'The fields of the kind; null when it has none.' }),
  createdAt: { ...WireTime, description: 'When the entry was written.' },
}

export const RunLogWire = wire('RunLog', logFields)

/** An entry in a list. */
export const RunLogListItemWire = wire('RunLogListItem', {
  ...logFields,
  contentOmitted: Type.Optional(
    Type.Literal(true, { description: 'Present if the page had no room for `message` and `data`: both are null.' }),
  ),
})

export interface RunLog {
  readonly id: string
  readonly runId: string
  readonly seq: number
  readonly type: string
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly event: string
  readonly message: string | null
  readonly data: unknown
  readonly createdAt: Date
}

export function toRunLogListItemWire(
  log: RunLog & { readonly contentOmitted?: true },
): Static<typeof RunLogListItemWire> {
  return {
    ...log,
    id: toWireId('evt', log.id),
    runId: toWireId('run', log.runId),
    createdAt: toWireTime(log.createdAt),
  }
}

export function toErrorWire({ code, message, reasons }: RunError): Static<typeof RunErrorWire> {
  return { code, message, ...(reasons === undefined ? {} : { reasons: [...reasons] }) }
}

/** Removes trailing zeros: `numeric(20, 10)` is read with all its digits. */
export function trimUsd(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}
