import type { Db, Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import { checkAgainst } from '../../../platform/json-schema/json-schema.ts'
import { getInstalledAgent, type Agent } from '../../catalog/agents/index.ts'
import { holdModel } from '../../catalog/models/index.ts'
import { findRuleMistakes } from './cron-expression.ts'
import type { ScheduleSettings } from './schedule.ts'

/**
 * The agent that a schedule runs. Checks the schedule's own settings, not whether a run could start now.
 * Throws `agent-not-found`, `agent-version-not-found`, or `validation-error` with all mistakes.
 */
export async function checkSchedule(
  db: Db,
  scope: AppScope,
  { agentReference, settings }: { agentReference: string; settings: ScheduleSettings },
): Promise<Agent> {
  const { agent, version } = await getInstalledAgent(db, scope, {
    reference: agentReference,
    version: settings.version ?? undefined,
  })
  const schema = version.manifest.input?.schema
  const mistakes: InvalidPart[] = schema === undefined ? [] : checkAgainst(schema, settings.input, '/input')
  refuseInvalid([...findRuleMistakes(settings), ...mistakes])
  return agent
}

/** The stored id of the model named in a body. Throws model-not-found. */
export function parseModelId(wireId: string): string {
  return foundOr(parseWireId('model', wireId), 'model-not-found')
}

/** Protects the organization's model from deletion in this transaction. Throws model-not-found. */
export async function holdModelOf(tx: Tx, scope: AppScope, { modelId }: ScheduleSettings): Promise<void> {
  if (modelId !== null) foundOr(await holdModel(tx, scope, modelId), 'model-not-found')
}
