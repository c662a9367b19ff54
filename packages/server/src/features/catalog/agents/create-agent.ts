import { Type } from 'typebox'
import { created, endpoint, largeBodyBytes } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { schemaChecks } from '../../../platform/json-schema/schema-checks.ts'
import { refuseOverQuota } from '../../accounts/quotas/index.ts'
import { AgentWire, contentRequestFields, modelIdRequestField, toAgentWire } from './agent-wire.ts'
import { findContentMistakes } from './agent.ts'
import { holdModelOf } from './hold-model-of.ts'
import { insertAgent } from './insert-agent.ts'

const { displayName, prompt, ...optional } = contentRequestFields

export const createAgent = endpoint({
  route: 'POST /api/agents',
  summary: 'Create an agent',
  description:
    'Creates an agent package `@<organization slug>/<name>` with its first version and installs it in the application.',
  caller: 'application',
  permission: 'agents:write',
  limit: 'create',
  idempotency: 'supported',
  audit: 'agent.created',
  body: Type.Object({
    name: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$', maxLength: 64, examples: ['csv-totals'] }),
    displayName,
    prompt,
    ...Type.Partial(Type.Object({ ...optional, modelId: modelIdRequestField })).properties,
  }),
  bodyBytesMax: largeBodyBytes,
  returns: { 201: AgentWire },
  fails: ['agent-name-taken', 'model-not-found', 'quota-exceeded'],
  async handle({ body, scope, caller, changeOnce, platform }) {
    refuseInvalid(await findContentMistakes({ checks: platform.use(schemaChecks), ...scope }, body))
    return changeOnce(
      async (tx) => {
        const modelId = await holdModelOf(tx, scope, body.modelId)
        const made = await insertAgent(tx, scope, { ...body, modelId: modelId ?? null, createdBy: caller.userId })
        await refuseOverQuota(tx, platform, { scope, added: { agents: 1 } })
        return made
      },
      {
        describe: ({ agent }) => toWireId('agent', agent.id),
        reply: (made) => created(toAgentWire(made), `/api/agents/${toWireId('agent', made.agent.id)}`),
      },
    )
  },
})
