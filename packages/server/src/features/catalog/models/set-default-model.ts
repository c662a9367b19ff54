import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { Nullable, wire, WireId } from '../../../platform/http/wire.ts'
import { parseWireId, toWireId, toWireIdOrNull } from '../../../platform/ids/id.ts'
import { holdModel, loadCandidates, lockModels, saveDefaultModel } from './model-store.ts'

const DefaultModelWire = wire('DefaultModel', { modelId: Nullable(WireId('model')) })

export const setDefaultModel = endpoint({
  route: 'PUT /api/models/default',
  summary: 'Choose the default model',
  description: 'Runs use the default model when neither the run nor its agent names one. `null` removes the default.',
  caller: 'organization',
  permission: 'models:write',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'model.default-set',
  body: Type.Object({ modelId: Nullable(WireId('model')) }),
  returns: { 200: DefaultModelWire },
  fails: ['model-not-found'],
  async handle({ body, scope, change }) {
    const id = body.modelId === null ? null : foundOr(parseWireId('model', body.modelId), 'model-not-found')
    await change(
      async (tx) => {
        await lockModels(tx, scope)
        if (id !== null) foundOr(await holdModel(tx, scope, id), 'model-not-found')
        const [before] = await loadCandidates(tx, scope, [])
        await saveDefaultModel(tx, scope, id)
        return before?.id ?? null
      },
      (before) => {
        const [from, to] = [toWireIdOrNull('model', before), toWireIdOrNull('model', id)]
        // Without an old and a new default, the audit entry names the organization.
        return {
          resourceId: to ?? from ?? toWireId('org', scope.organizationId),
          changes: changesBetween({ modelId: from }, { modelId: to }),
        }
      },
    )
    return ok({ modelId: toWireIdOrNull('model', id) })
  },
})
