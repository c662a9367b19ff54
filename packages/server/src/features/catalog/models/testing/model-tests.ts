import type { Tenant } from '../../../../testing/factories/tenant.ts'
import type { Answer } from '../../../../testing/request.ts'
import type { WorldOptions } from '../../../../testing/world.ts'
import { providerKeysFeature } from '../../provider-keys/index.ts'
import { modelsFeature } from '../index.ts'

/** The features that tests of models and provider keys need. */
export const modelWorld: WorldOptions = { features: [modelsFeature, providerKeysFeature] }

/** A valid body for POST /api/provider-keys; nothing listens at its address. */
export const goodKey = {
  label: 'Local',
  api: 'openai-compatible',
  baseUrl: 'http://127.0.0.1:1/v1',
  apiKey: 'sk-a-secret-of-this-test',
}

/** Creates a provider key over the API, as the owner; returns its wire id. */
export async function makeProviderKey(
  tenant: Pick<Tenant, 'session'>,
  changes: Record<string, unknown> = {},
): Promise<string> {
  const { send } = await tenant.session()
  return idOf(await send('POST /api/provider-keys', { body: { ...goodKey, ...changes } }))
}

/** Creates a model over the API, with a key of its own unless one is given; returns its wire id. */
export async function makeModel(
  tenant: Pick<Tenant, 'send' | 'session'>,
  changes: Record<string, unknown> = {},
): Promise<string> {
  const providerKeyId = changes['providerKeyId'] ?? (await makeProviderKey(tenant))
  return idOf(
    await tenant.send('POST /api/models', { body: { label: 'A model', modelId: 'm', ...changes, providerKeyId } }),
  )
}

function idOf(answer: Answer): string {
  if (answer.status !== 201) throw new Error(`The resource was not created: ${answer.text}`)
  return String(answer.body.id)
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
