import { readWriteDelete, rights } from '../../../platform/access/permissions.ts'
import { feature } from '../../../platform/http/feature.ts'
import { createProviderKey } from './create-provider-key.ts'
import { deleteProviderKey } from './delete-provider-key.ts'
import { getProviderKey } from './get-provider-key.ts'
import { listProviderKeys } from './list-provider-keys.ts'
import { providerKeysOf, removeProviderKeys, isProviderKeyKept } from './provider-key-store.ts'
import { updateProviderKey } from './update-provider-key.ts'

const problems = {
  'provider-key-not-found': { status: 404, title: 'Provider Key Not Found' },
} as const
const idPrefixes = { mkey: 'A key of a model provider.' } as const
const permissions = { 'provider-keys': rights({ owner: readWriteDelete, grantable: false }) }

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
}

export const providerKeysFeature = feature({
  folder: 'catalog/provider-keys',
  tag: 'Provider keys',
  description: 'Keys of model providers, encrypted at rest. Managed by signed-in owners and admins, never by API keys.',
  problems,
  idPrefixes,
  permissions,
  removes: { organization: { provider_keys: removeProviderKeys } },
  owns: ['provider_keys'],
  contents: { organization: { providerKeys: { rows: providerKeysOf } } },
  isKept: { mkey: isProviderKeyKept },
  endpoints: { createProviderKey, listProviderKeys, getProviderKey, updateProviderKey, deleteProviderKey },
})

export { holdProviderKey, insertProviderKey, moveBaseUrl, providerAddresses } from './provider-key-store.ts'
export { findBaseUrlMistake } from './base-url.ts'
export { providerApis, type ProviderApi, type ProviderKey } from './provider-key.ts'
export { sealSecret, unsealProviderKey } from './provider-secret.ts'
