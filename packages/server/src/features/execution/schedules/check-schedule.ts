import type { Db, Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import { schemaChecks } from '../../../platform/json-schema/schema-checks.ts'
import type { Platform } from '../../../platform/platform.ts'
import { getInstalledAgent, type Agent } from '../../catalog/agents/index.ts'
import { holdModel } from '../../catalog/models/index.ts'
import { findRuleMistakes } from './cron-expression.ts'
import type { ScheduleSettings } from './schedule.ts'

/**
 * The agent that a schedule runs. Checks the schedule's own settings, not whether a run could start now.
 * Throws `agent-not-found`, `agent-version-not-found`, `validation-error` with all mistakes, or `rate-limited` when too
 * many checks of the organization wait. Not for use in a transaction: the check can wait for others.
 */
export async function checkSchedule(
  { db, platform }: { readonly db: Db; readonly platform: Pick<Platform, 'use'> },
  scope: AppScope,
  { agentReference, settings }: { agentReference: string; settings: ScheduleSettings },
): Promise<Agent> {
  const { agent, version } = await getInstalledAgent(db, scope, {
    reference: agentReference,
    version: settings.version ?? undefined,
  })
  const schema = version.manifest.input?.schema
  const about = { value: settings.input, pointer: '/input' }
  const mistakes: InvalidPart[] =
    schema === undefined ? [] : await platform.use(schemaChecks).check(scope.organizationId, { schema, ...about })
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
