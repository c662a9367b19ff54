import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inOrganization({ owner, tenant, marks }) {
    const invitation = await must(
      owner(`POST /api/orgs/${tenant.orgId}/invitations`, {
        body: { email: `${marks.organization.toLowerCase()}-new@example.com`, role: 'member' },
      }),
    )
    return { ids: [invitation.id], texts: { token: [String(invitation.link).split('/').at(-1) ?? ''] } }
  },
}
