import { connectModel } from '../../../../testing/factories/model.ts'
import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inOrganization({ world, owner, tenant, marks, modelsUrl }) {
    const modelId = await connectModel(world.platform, tenant, { url: modelsUrl, scenario: 'leave-everything' })
    await must(owner(`PATCH /api/models/${modelId}`, { body: { label: marks.organization } }))
    return { ids: [modelId] }
  },
}
