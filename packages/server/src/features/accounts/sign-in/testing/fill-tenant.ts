import type { TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

/** Paths of the auth library that show somebody their own account. */
const ownAccount = ['get-session', 'list-sessions', 'list-accounts', 'passkey/list-user-passkeys']

export const filling: TenantFilling = {
  async inOrganization({ world, tenant, marks }) {
    await world.platform.db
      .updateTable('users')
      .set({ name: marks.organization })
      .where('id', '=', tenant.userId)
      .execute()
    return { ids: [], texts: { '*': ownAccount } }
  },
}
