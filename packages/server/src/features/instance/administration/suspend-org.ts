import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok, smallBodyBytes } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { serializeInOrganization } from '../../accounts/organizations/index.ts'
import { insertOrganizationSuspension } from '../../accounts/suspensions/index.ts'
import { InstanceOrgWire, orgParams, SuspensionBody, toInstanceOrgWire } from './administration-wire.ts'
import { findInstanceOrg } from './instance-org-store.ts'

export const suspendOrg = endpoint({
  route: 'POST /api/admin/orgs/:orgId/suspend',
  summary: 'Suspend an organization',
  description:
    'Its members and API keys are refused everything in it with `organization-suspended` and the reason, its streams ' +
    'end, and nobody can join it. Runs in execution are cancelled within seconds, queued ones wait, schedules do not ' +
    'fire, and webhooks pause. Repeat the request to change the reason.',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'org.suspended',
  params: orgParams,
  body: SuspensionBody,
  bodyBytesMax: smallBodyBytes,
  returns: { 200: InstanceOrgWire },
  fails: [],
  async handle({ params: { orgId: organizationId }, body, caller, change, platform: { wake } }) {
    const { reason } = body
    const suspended = await change(
      async (tx) => {
        if (!(await serializeInOrganization(tx, { organizationId }))) throw problem('org-not-found')
        await insertOrganizationSuspension(tx, organizationId, { reason, suspendedBy: caller.userId })
        return foundOr(await findInstanceOrg(tx, organizationId), 'org-not-found')
      },
      ({ id }) => ({
        resourceId: toWireId('org', id),
        scope: { organizationId: id },
        changes: changesBetween({}, { reason }),
      }),
    )
    // Keys are cached, and streams check their rights, by this topic.
    wake.wake('keys', '*')
    wake.wake('suspensions', organizationId)
    return ok(toInstanceOrgWire(suspended))
  },
})
