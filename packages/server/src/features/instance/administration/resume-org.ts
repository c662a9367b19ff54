import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { serializeInOrganization } from '../../accounts/organizations/index.ts'
import { deleteOrganizationSuspension } from '../../accounts/suspensions/index.ts'
import { InstanceOrgWire, orgParams, toInstanceOrgWire } from './administration-wire.ts'
import { findInstanceOrg } from './instance-org-store.ts'

export const resumeOrg = endpoint({
  route: 'POST /api/admin/orgs/:orgId/resume',
  summary: 'End the suspension of an organization',
  description:
    'Everything in it works again: queued runs start, and webhooks receive what happened meanwhile. ' +
    'Fires of schedules that fell into the suspension are not caught up.',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'org.resumed',
  params: orgParams,
  returns: { 200: InstanceOrgWire },
  fails: [],
  async handle({ params: { orgId: organizationId }, change, platform: { wake } }) {
    const resumed = await change(
      async (tx) => {
        if (!(await serializeInOrganization(tx, { organizationId }))) throw problem('org-not-found')
        await deleteOrganizationSuspension(tx, organizationId)
        return foundOr(await findInstanceOrg(tx, organizationId), 'org-not-found')
      },
      ({ id }) => ({ resourceId: toWireId('org', id), scope: { organizationId: id } }),
    )
    for (const topic of ['keys', 'runs', 'schedules', 'deliveries'] as const) wake.wake(topic, '*')
    return ok(toInstanceOrgWire(resumed))
  },
})
