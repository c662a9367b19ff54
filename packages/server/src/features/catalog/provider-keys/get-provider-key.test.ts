import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { makeProviderKey, modelWorld } from '../models/testing/model-tests.ts'
import { getProviderKey } from './get-provider-key.ts'

describeEndpoint(getProviderKey, {
  as: 'session',
  given: (tenant) => makeProviderKey(tenant),
  call: (providerKeyId) => ({ params: { providerKeyId } }),
  world: modelWorld,
})
