import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { findScopeMistakes, scopesWithin } from './api-key.ts'
import { lockApiKey, saveApiKey } from './api-key-store.ts'
import { ApiKeyWire, nameField, scopesField, toApiKeyWire } from './api-key-wire.ts'
import { findLimitMistakes, limitsField, withLimits } from './key-limits.ts'

export const updateApiKey = endpoint({
  route: 'PATCH /api/api-keys/:keyId',
  summary: 'Change an API key',
  description:
    'A change of scopes or limits takes effect immediately. ' +
    'You must be able to grant every scope, even if the key already has it.',
  caller: 'application',
  permission: 'api-keys:create',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'api-key.updated',
  params: { keyId: { id: 'key', missing: 'api-key-not-found' } },
  body: Type.Partial(
    Type.Object({
      name: nameField,
      scopes: scopesField('Replaces all scopes of the key.'),
      limits: limitsField,
    }),
  ),
  returns: { 200: ApiKeyWire },
  fails: [],
  async handle({ params, body, scope, permissions, change, platform }) {
    refuseInvalid([
      ...findScopeMistakes(body.scopes ?? [], scopesWithin(platform.permissions, permissions)),
      ...findLimitMistakes(body.limits, platform.config),
    ])
    const id = toWireId('key', params.keyId)
    const { after } = await change(
      async (tx) => {
        const before = foundOr(await lockApiKey(tx, scope, params.keyId), 'api-key-not-found')
        const limits = withLimits(before.limits, body.limits)
        return { before, after: await saveApiKey(tx, scope, { ...before, ...body, limits }) }
      },
      ({ before, after }) => ({ resourceId: id, changes: changesBetween(toApiKeyWire(before), toApiKeyWire(after)) }),
    )
    if (body.scopes !== undefined || body.limits !== undefined) platform.wake.wake('keys', id)
    return ok(toApiKeyWire(after))
  },
})
