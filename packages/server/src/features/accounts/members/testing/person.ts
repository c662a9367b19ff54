import { randomBytes } from 'node:crypto'
import type { Role } from '../../../../platform/access/permissions.ts'
import { newUuid, newWireId } from '../../../../platform/ids/id.ts'
import { createSessionCookie } from '../../../../testing/factories/session.ts'
import type { Tenant } from '../../../../testing/factories/tenant.ts'
import { requester, type Send } from '../../../../testing/request.ts'
import type { World } from '../../../../testing/world.ts'
import { hashKey } from '../../api-keys/index.ts'

/** A user with a session, and a member of the tenant's organization unless created as `stranger`. */
export interface Person {
  readonly userId: string
  readonly email: string
  readonly cookie: string
  /** Sends with the cookie, X-Org-Id and X-App-Id. */
  readonly send: Send
  /** Creates an API key for them in the tenant's application. */
  apiKey(): Promise<{ apiKey: string; send: Send }>
}

/** Creates a person directly in the database. */
export async function addPerson(
  { platform, url }: World,
  tenant: Tenant,
  role: Role | 'stranger' = 'member',
): Promise<Person> {
  const userId = newWireId('usr')
  const email = `person-${randomBytes(6).toString('hex')}@example.com`
  await platform.db
    .insertInto('users')
    .values({ id: userId, name: 'Test Person', email, email_verified: true })
    .execute()
  if (role !== 'stranger')
    await platform.db
      .insertInto('organization_members')
      .values({ organization_id: tenant.organizationId, user_id: userId, role })
      .execute()
  const cookie = await createSessionCookie(platform, userId)
  const apiKey = async () => {
    const secret = `ask_${randomBytes(24).toString('hex')}`
    const of = { organization_id: tenant.organizationId, application_id: tenant.applicationId, created_by: userId }
    await platform.db
      .insertInto('api_keys')
      .values({
        id: newUuid(),
        ...of,
        name: 'Test key',
        key_hash: hashKey(secret),
        key_prefix: secret.slice(0, 8),
        scopes: [...platform.permissions.grantable],
      })
      .execute()
    return { apiKey: secret, send: requester(url, { authorization: `Bearer ${secret}`, 'x-app-id': tenant.appId }) }
  }
  return {
    userId,
    email,
    cookie,
    send: requester(url, { cookie, 'x-org-id': tenant.orgId, 'x-app-id': tenant.appId }),
    apiKey,
  }
}

/** The roles in a tenant's organization, by user. */
export async function rolesIn({ platform }: World, tenant: Tenant): Promise<Record<string, Role>> {
  const rows = await platform.db
    .selectFrom('organization_members')
    .select(['user_id', 'role'])
    .where('organization_id', '=', tenant.organizationId)
    .execute()
  return Object.fromEntries(rows.map((row) => [row.user_id, row.role]))
}
