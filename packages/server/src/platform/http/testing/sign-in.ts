import { randomBytes } from 'node:crypto'
import { signInFeature } from '../../../features/accounts/sign-in/index.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { requester, type Send } from '../../../testing/request.ts'
import type { World } from '../../../testing/world.ts'
import { appUrl } from '../../open-platform.ts'

export { signInFeature }

/** A user who signed up over HTTP, with the session cookie of their browser. */
export interface SignedInUser {
  readonly userId: string
  readonly cookie: string
  readonly send: Send
}

/** Signs a new user up, and makes them a member of the tenant's organization if one is given. */
export async function signUp(world: World, tenant?: Tenant, role: 'admin' | 'viewer' = 'admin'): Promise<SignedInUser> {
  const email = `${randomBytes(6).toString('hex')}@example.com`
  const body = { name: 'Ada', email, password: 'correct horse battery' }
  // A unique address, if the world trusts the header, because sign-ups are limited by address.
  const headers = { origin: appUrl(world.platform.config), 'x-forwarded-for': Array.from(randomBytes(4)).join('.') }
  const answer = await world.send('POST /api/auth/sign-up/email', { body, headers })
  if (answer.status !== 200) throw new Error(answer.text)
  const cookie = answer.headers
    .getSetCookie()
    .map((header) => header.split(';', 1)[0])
    .join('; ')
  const userId: string = answer.body.user.id
  if (tenant !== undefined) {
    await world.platform.db
      .insertInto('organization_members')
      .values({ organization_id: tenant.organizationId, user_id: userId, role })
      .execute()
  }
  return { userId, cookie, send: requester(world.url, { cookie }) }
}
