import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inApplication({ owner, marks }) {
    return { ids: [(await must(owner('POST /api/api-keys', { body: { name: marks.application } }))).id] }
  },
}
