import { Type } from 'typebox'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { Nullable } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { refuseOverQuota } from '../quotas/index.ts'
import { findExpiryMistakes, findScopeMistakes, scopesWithin } from './api-key.ts'
import { nameField, NewApiKeyWire, scopesField, toApiKeyWire } from './api-key-wire.ts'
import { issueApiKey } from './issue-api-key.ts'
import { findLimitMistakes, limitsField, withLimits } from './key-limits.ts'
import { reportKey } from './report-key.ts'

export const createApiKey = endpoint({
  route: 'POST /api/api-keys',
  summary: 'Create an API key',
  description:
    'The secret is only in this reply: the server stores its hash. ' +
    'The key works as long as you are a member, and never has more rights than your role.',
  caller: 'application',
  permission: 'api-keys:create',
  limit: 'create',
  // A reply stored for replays would contain the secret.
  idempotency: 'not-needed',
  audit: 'api-key.created',
  body: Type.Object({
    name: nameField,
    scopes: Type.Optional(scopesField('If absent, the key gets every scope that you can grant.')),
    expiresAt: Type.Optional(
      Nullable(
        Type.String({
          format: 'date-time',
          description: 'When the key expires; must be in the future. If null or absent, it never expires.',
        }),
      ),
    ),
    limits: Type.Optional(limitsField),
  }),
  returns: { 201: NewApiKeyWire },
  fails: ['quota-exceeded'],
  async handle({ body, scope, permissions, now, change, ...call }) {
    const { caller, platform } = call
    const expiresAt = typeof body.expiresAt === 'string' ? new Date(body.expiresAt) : null
    const allowed = scopesWithin(platform.permissions, permissions)
    const scopes = body.scopes ?? allowed
    refuseInvalid([
      ...findScopeMistakes(scopes, allowed),
      ...findExpiryMistakes(expiresAt, now),
      ...findLimitMistakes(body.limits, platform.config),
    ])
    const settings = { name: body.name, scopes, expiresAt, limits: withLimits({}, body.limits) }
    const { apiKey, key } = await change(
      async (tx) => {
        const issued = await issueApiKey(tx, scope, { ...settings, createdBy: caller.userId })
        await refuseOverQuota(tx, platform, { scope, added: { apiKeys: 1 } })
        return issued
      },
      (issued) => toWireId('key', issued.apiKey.id),
    )
    await reportKey(call, { userId: caller.userId, action: 'api-key.created', name: apiKey.name })
    const reply = toApiKeyWire(apiKey)
    return created({ ...reply, key }, `/api/api-keys/${reply.id}`)
  },
})
