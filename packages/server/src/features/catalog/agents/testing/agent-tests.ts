import type { Tenant } from '../../../../testing/factories/tenant.ts'
import type { Answer } from '../../../../testing/request.ts'
import type { WorldOptions } from '../../../../testing/world.ts'
import { modelsFeature } from '../../models/index.ts'
import { providerKeysFeature } from '../../provider-keys/index.ts'
import { agentsFeature } from '../index.ts'

/** The features that tests of agents need. */
export const agentWorld: WorldOptions = { features: [agentsFeature, modelsFeature, providerKeysFeature] }

/** A valid body for POST /api/agents. */
export const goodAgent = {
  name: 'csv-totals',
  displayName: 'CSV totals',
  description: 'Adds up a column',
  prompt: 'Add up the column.',
  tools: ['output', 'bash'],
  input: { type: 'object', properties: { column: { type: 'string' } }, required: ['column'] },
  output: { type: 'object', properties: { total: { type: 'number' } } },
  timeoutSeconds: 60,
}

/** Creates an agent over the API; returns its reply body. */
export async function makeAgent(
  tenant: Pick<Tenant, 'send'>,
  changes: Record<string, unknown> = {},
): Promise<{ id: string; name: string; version: string }> {
  const answer = await tenant.send('POST /api/agents', { body: { ...goodAgent, ...changes } })
  if (answer.status !== 201) throw new Error(`The agent was not created: ${answer.text}`)
  const made: { id: string; name: string; version: string } = answer.body
  return made
}

/** `<pointer> <code>` of every mistake in a validation-error. */
export function mistakesIn(answer: Answer): string[] {
  const errors: readonly { pointer: string; code: string }[] = answer.body.errors ?? []
  return errors.map(({ pointer, code }) => `${pointer} ${code}`)
}

/** One field of every item of a list. */
export function listed(answer: Answer, field: string): unknown[] {
  const items: readonly Record<string, unknown>[] = answer.body.data
  return items.map((item) => item[field])
}
