import { newUuid, toWireId } from '../../platform/ids/id.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Tenant } from './tenant.ts'

export interface ModelOptions {
  /** The URL of a scripted model server. */
  readonly url: string
  /** The scenario that the model plays. */
  readonly scenario: string
  readonly api?: 'openai-compatible' | 'anthropic'
  readonly apiKey?: string
  readonly contextWindow?: number
  readonly isDefault?: boolean
}

/** Adds a model that plays a scenario, at 1 USD per million input and 2 per million output tokens. Returns its id. */
export async function connectModel(
  platform: Pick<Platform, 'db' | 'keyRing'>,
  tenant: Tenant,
  options: ModelOptions,
): Promise<string> {
  const [keyId, modelId] = [newUuid(), newUuid()]
  const api = options.api ?? 'openai-compatible'
  const address = { organization_id: tenant.organizationId, api, base_url: `${options.url}/v1` } as const
  const sealed = platform.keyRing.seal(options.apiKey ?? 'sk-test-key', `provider_keys/${keyId}`)
  await platform.db
    .insertInto('provider_keys')
    .values({ id: keyId, label: 'Scripted', encrypted_key: sealed, ...address })
    .execute()
  await platform.db
    .insertInto('models')
    .values({
      id: modelId,
      provider_key_id: keyId,
      label: options.scenario,
      model_id: options.scenario,
      context_window: options.contextWindow ?? null,
      is_default: options.isDefault ?? true,
      cost: JSON.stringify({ input: '1', output: '2', cacheRead: '0.1', cacheWrite: '1.25' }),
      organization_id: tenant.organizationId,
    })
    .execute()
  return toWireId('model', modelId)
}
