import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { getModel } from './get-model.ts'
import { makeModel, modelWorld } from './testing/model-tests.ts'

describeEndpoint(getModel, {
  given: (tenant) => makeModel(tenant),
  call: (modelId) => ({ params: { modelId } }),
  world: modelWorld,
})
