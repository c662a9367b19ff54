import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { findScopeMistakes, scopesWithin } from './api-key.ts'
import { lockApiKey, saveApiKey } from './api-key-store.ts'
import { ApiKeyWire, nameField, scopesField, toApiKeyWire } from './api-key-wire.ts'

export const updateApiKey = endpoint({
  route: 'PATCH /api/api-keys/:keyId',
  summary: 'Change an API key',
  description:
    'A scope change takes effect immediately. You must be able to grant every scope, even if the key already has it.',
  caller: 'application',
  permission: 'api-keys:create',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'api-key.updated',
  params: { keyId: { id: 'key', missing: 'api-key-not-found' } },
  body: Type.Partial(Type.Object({ name: nameField, scopes: scopesField('Replaces all scopes of the key.') })),
  returns: { 200: ApiKeyWire },
  fails: [],
  async handle({ params, body, scope, permissions, change, platform }) {
    refuseInvalid(findScopeMistakes(body.scopes ?? [], scopesWithin(platform.permissions, permissions)))
    const id = toWireId('key', params.keyId)
    const { after } = await change(
      async (tx) => {
        const before = foundOr(await lockApiKey(tx, scope, params.keyId), 'api-key-not-found')
        return { before, after: await saveApiKey(tx, scope, { ...before, ...body }) }
      },
      ({ before, after }) => ({ resourceId: id, changes: changesBetween(toApiKeyWire(before), toApiKeyWire(after)) }),
    )
    if (body.scopes !== undefined) platform.wake.wake('keys', id)
    return ok(toApiKeyWire(after))
  },
})
