import { randomBytes } from 'node:crypto'
import type { Tenant } from '../../../../testing/factories/tenant.ts'

export interface Invited {
  readonly id: string
  readonly email: string
  readonly orgId: string
  readonly link: string
  readonly token: string
}

export function newEmail(): string {
  return `guest-${randomBytes(6).toString('hex')}@example.com`
}

/** Invites a person as the tenant's owner, in a world without a mail server. */
export async function invite(
  tenant: Tenant,
  { email = newEmail(), role = 'member' }: { email?: string; role?: string } = {},
): Promise<Invited> {
  const { send } = await tenant.session()
  const answer = await send(`POST /api/orgs/${tenant.orgId}/invitations`, { body: { email, role } })
  if (answer.status !== 201) throw new Error(answer.text)
  return { id: answer.body.id, email, orgId: tenant.orgId, link: answer.body.link, token: tokenOf(answer.body.link) }
}

/** The last part of an invitation link. */
export function tokenOf(link: string): string {
  return link.slice(link.lastIndexOf('/') + 1)
}
