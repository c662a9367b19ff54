import { toWireId } from '../../../../platform/ids/id.ts'
import { newUuid } from '../../../../platform/ids/id.ts'
import type { TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inOrganization({ world, tenant }) {
    const id = newUuid()
    await world.platform.db
      .insertInto('security_events')
      .values({ id, user_id: tenant.userId, action: 'session.created' })
      .execute()
    return { ids: [toWireId('sev', id)] }
  },
}
