import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { getOrganization, saveOrganization } from './organization-store.ts'
import { orgFields, OrgWire, toOrgWire } from './organization-wire.ts'

export const updateOrg = endpoint({
  route: 'PATCH /api/orgs/:orgId',
  summary: 'Change an organization',
  caller: 'member',
  permission: 'org:update',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'org.updated',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  body: Type.Partial(Type.Object(orgFields)),
  returns: { 200: OrgWire },
  fails: ['slug-taken'],
  async handle({ body, scope, caller, change }) {
    const organization = await change(
      async (tx) => {
        await saveOrganization(tx, scope, body)
        return getOrganization(tx, scope, caller.userId)
      },
      (changed) => toWireId('org', changed.id),
    )
    return ok(toOrgWire(organization))
  },
})
