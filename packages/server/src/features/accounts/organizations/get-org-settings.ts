import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findSettings } from './organization-store.ts'
import { OrgSettingsWire } from './organization-wire.ts'

export const getOrgSettings = endpoint({
  route: 'GET /api/orgs/:orgId/settings',
  summary: "Get an organization's settings",
  caller: 'member',
  permission: 'org:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  returns: { 200: OrgSettingsWire },
  fails: [],
  handle: async ({ scope, db }) => ok(foundOr(await findSettings(db, scope), 'org-not-found')),
})
