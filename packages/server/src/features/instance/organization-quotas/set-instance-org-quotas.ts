import { Type, type Static } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findSlug } from '../../accounts/organizations/index.ts'
import {
  forEachQuota,
  limitMax,
  OrgUsageWire,
  quotas,
  readUsage,
  toOrgUsageWire,
  type Overrides,
} from '../../accounts/quotas/index.ts'

const limitField = () =>
  Type.Optional(
    Type.Union([Type.Integer({ minimum: 0, maximum: limitMax }), Type.Literal('unlimited'), Type.Null()], {
      description: '0 allows none; `unlimited` any number; null or absent: the default of the server.',
    }),
  )
const Body = Type.Object(forEachQuota(limitField))

export const setInstanceOrgQuotas = endpoint({
  route: 'PUT /api/admin/orgs/:orgId/quotas',
  summary: "Replace an organization's own quotas",
  description:
    'Replaces all limits that were set for this organization. They apply on every server within seconds. ' +
    'Nothing is deleted when the organization already has more than a new limit.',
  caller: 'administrator',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'quotas.updated',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  body: Body,
  returns: { 200: OrgUsageWire },
  fails: [],
  async handle({ params, body, db, platform, change }) {
    foundOr(await findSlug(db, { organizationId: params.orgId }), 'org-not-found')
    const { override, applyChanges } = platform.use(quotas)
    const overrides = toOverrides(body)
    await change(
      (tx) => override(tx, params.orgId, overrides),
      (before) => ({
        resourceId: toWireId('org', params.orgId),
        scope: { organizationId: params.orgId },
        changes: changesBetween(toLimits(before), toLimits(overrides)),
      }),
    )
    applyChanges(params.orgId)
    return ok(toOrgUsageWire(await readUsage(platform, db, params.orgId)))
  },
})

function toOverrides(body: Static<typeof Body>): Overrides {
  const limits = Object.entries(forEachQuota((name) => body[name])).flatMap(([name, limit]) =>
    limit === undefined || limit === null ? [] : [[name, limit === 'unlimited' ? null : limit] as const],
  )
  return Object.fromEntries(limits)
}

/** The limit of each quota as the request can name it. */
function toLimits(overrides: Overrides) {
  return forEachQuota((name) => (overrides[name] === undefined ? 'default' : (overrides[name] ?? 'unlimited')))
}
