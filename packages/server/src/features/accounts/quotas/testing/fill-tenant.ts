import type { TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async insertRows(db, { organizationId }) {
    await db
      .insertInto('quota_overrides')
      .values({ organization_id: organizationId, limits: '{}' })
      .onConflict((conflict) => conflict.column('organization_id').doNothing())
      .execute()
  },
}
