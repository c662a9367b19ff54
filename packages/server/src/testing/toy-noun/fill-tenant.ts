import { must, type TenantFilling } from '../isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async forHolder(_making, { send, mark }) {
    return { ids: [(await must(send('POST /api/kites', { body: { name: mark } }))).id] }
  },
}
