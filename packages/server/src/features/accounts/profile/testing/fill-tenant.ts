import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inOrganization({ owner }) {
    const sessions = await must(owner('GET /api/profile/sessions'))
    return { ids: sessions.data.map(({ id }: { id: string }) => id) }
  },
}
