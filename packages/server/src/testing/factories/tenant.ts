import { randomBytes } from 'node:crypto'
import { type Role } from '../../platform/access/permissions.ts'
import { hashKey } from '../../features/accounts/api-keys/index.ts'
import { newUuid, newWireId, toWireId } from '../../platform/ids/id.ts'
import type { Platform } from '../../platform/platform.ts'
import { requester, type Send } from '../request.ts'
import { createSessionCookie } from './session.ts'

export interface TenantOptions {
  /** The role of the key's creator; defaults to owner. */
  readonly role?: Role
  /** The key's scopes; defaults to every grantable scope. */
  readonly scopes?: readonly string[]
  readonly expiresAt?: Date
}

/** An organization with one member, one application and one API key. Has both the stored UUIDs and the wire ids. */
export interface Tenant {
  readonly userId: string
  readonly organizationId: string
  readonly applicationId: string
  readonly orgId: string
  readonly appId: string
  readonly slug: string
  readonly apiKey: string
  readonly apiKeyId: string
  /** The scope for store functions. */
  readonly scope: { organizationId: string; applicationId: string; endUserId: null }
  /** Sends with the API key and X-App-Id. */
  readonly send: Send
  /** Sends with the API key on behalf of an end-user (wire id). */
  sendAs(endUserId: string): Send
  /** Creates an end-user; returns its wire id. */
  endUser(): Promise<string>
  /** Creates another API key of the same application. */
  key(options?: TenantOptions): Promise<{ apiKey: string; apiKeyId: string; send: Send }>
  /** Creates another application of the same organization; sends with its own key. */
  sibling(): Promise<{ applicationId: string; appId: string; apiKey: string; apiKeyId: string; send: Send }>
  /** Creates a session of the key's creator; sends with its cookie, X-Org-Id and X-App-Id. */
  session(): Promise<{ cookie: string; send: Send }>
  /** Makes the key's creator an administrator of the instance; sends with the cookie of a new session alone. */
  administrate(): Promise<{ cookie: string; send: Send }>
}

/** Creates a tenant directly in the database. */
export async function createTenant(
  platform: Pick<Platform, 'db' | 'permissions' | 'secrets'>,
  url: string,
  options: TenantOptions = {},
): Promise<Tenant> {
  const [organizationId, applicationId, userId] = [newUuid(), newUuid(), newWireId('usr')]
  const slug = `org-${randomBytes(6).toString('hex')}`
  const { db } = platform
  await db
    .insertInto('users')
    .values({ id: userId, name: 'Test Owner', email: `${slug}@example.com`, email_verified: true })
    .execute()
  await db
    .insertInto('organizations')
    .values({ id: organizationId, name: 'Test Org', slug, created_by: userId })
    .execute()
  await db
    .insertInto('organization_members')
    .values({ organization_id: organizationId, user_id: userId, role: options.role ?? 'owner' })
    .execute()
  await db
    .insertInto('applications')
    .values({
      id: applicationId,
      organization_id: organizationId,
      name: 'Default',
      is_default: true,
      created_by: userId,
    })
    .execute()
  const appId = toWireId('app', applicationId)
  const createKey = async ({ scopes, expiresAt }: TenantOptions, application = { applicationId, appId }) => {
    const apiKey = `ask_${randomBytes(24).toString('hex')}`
    const id = newUuid()
    await db
      .insertInto('api_keys')
      .values({
        id,
        organization_id: organizationId,
        application_id: application.applicationId,
        name: 'Test key',
        key_hash: hashKey(apiKey),
        key_prefix: apiKey.slice(0, 8),
        scopes: [...(scopes ?? platform.permissions.grantable)],
        created_by: userId,
        expires_at: expiresAt ?? null,
      })
      .execute()
    return {
      apiKey,
      apiKeyId: toWireId('key', id),
      send: requester(url, { authorization: `Bearer ${apiKey}`, 'x-app-id': application.appId }),
    }
  }
  const first = await createKey(options)
  return {
    userId,
    organizationId,
    applicationId,
    orgId: toWireId('org', organizationId),
    appId,
    slug,
    ...first,
    scope: { organizationId, applicationId, endUserId: null },
    sendAs: (endUserId) =>
      requester(url, { authorization: `Bearer ${first.apiKey}`, 'x-app-id': appId, 'appstrate-user': endUserId }),
    async endUser() {
      const id = newUuid()
      await db
        .insertInto('end_users')
        .values({ id, organization_id: organizationId, application_id: applicationId })
        .execute()
      return toWireId('eu', id)
    },
    key: (keyOptions = {}) => createKey(keyOptions),
    async sibling() {
      const id = newUuid()
      await db
        .insertInto('applications')
        .values({ id, organization_id: organizationId, name: 'Sibling', created_by: userId })
        .execute()
      const application = { applicationId: id, appId: toWireId('app', id) }
      return { ...application, ...(await createKey({}, application)) }
    },
    async session() {
      const cookie = await createSessionCookie(platform, userId)
      return {
        cookie,
        send: requester(url, { cookie, 'x-org-id': toWireId('org', organizationId), 'x-app-id': appId }),
      }
    },
    async administrate() {
      await db
        .insertInto('administrators')
        .values({ user_id: userId })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      const cookie = await createSessionCookie(platform, userId)
      return { cookie, send: requester(url, { cookie }) }
    },
  }
}
