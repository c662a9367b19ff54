import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { slugTaken, type Organization } from './organization.ts'
import { findOrganization, lockOrganization, saveOrganization } from './organization-store.ts'
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
    const { after } = await change(
      async (tx) => {
        foundOr(await lockOrganization(tx, scope), 'org-not-found')
        const read = async () => foundOr(await findOrganization(tx, scope, caller.userId), 'org-not-found')
        const before = await read()
        if ((await saveOrganization(tx, scope, body)) === 'taken') throw slugTaken(body.slug)
        return { before, after: await read() }
      },
      (changed) => ({
        resourceId: toWireId('org', scope.organizationId),
        changes: changesBetween(toAudited(changed.before), toAudited(changed.after)),
      }),
    )
    return ok(toOrgWire(after))
  },
})

function toAudited({ name, slug }: Organization) {
  return { name, slug }
}
