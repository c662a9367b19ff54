import { Type } from 'typebox'
import type { Tx } from '../../../platform/db/database.ts'
import { created, endpoint } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { isAdministrator } from '../administrators/index.ts'
import { createOrganization } from './create-organization.ts'
import { refuseOneMoreOwned } from './owner-limit.ts'
import { orgFields, OrgWire, toOrgWire } from './organization-wire.ts'

export const createOrg = endpoint({
  route: 'POST /api/orgs',
  summary: 'Create an organization',
  description:
    'You become its owner. The organization is pinned to the current API version and has an application `Default`. ' +
    'A user can own only so many, unless they administer the instance.',
  caller: 'user',
  permission: 'none',
  limit: 'create',
  idempotency: 'supported',
  audit: 'org.created',
  body: Type.Object({ name: orgFields.name, slug: Type.Optional(orgFields.slug) }),
  returns: { 201: OrgWire },
  fails: ['slug-taken', 'administrator-required', 'quota-exceeded'],
  async handle({ body, caller, db, platform, changeOnce }) {
    if (platform.config.ORG_CREATION === 'admins' && !(await isAdministrator(db, caller.userId)))
      throw problem('administrator-required', { detail: 'Only administrators of this instance create organizations.' })
    const request = { name: body.name, slug: body.slug, apiVersion: platform.versions.current, userId: caller.userId }
    const create = async (tx: Tx) => {
      await refuseOneMoreOwned(tx, platform, { userId: caller.userId, isCaller: true })
      return (await createOrganization(tx, request)).organization
    }
    return changeOnce(create, {
      // The request has no organization yet, so the audit entry names the new one.
      describe: (made) => ({ resourceId: toWireId('org', made.id), scope: { organizationId: made.id } }),
      reply: (made) => created(toOrgWire(made), `/api/orgs/${toWireId('org', made.id)}`),
    })
  },
})
