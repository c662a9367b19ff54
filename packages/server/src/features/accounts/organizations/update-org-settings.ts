import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { VersionRegistry } from '../../../platform/api-versions/api-version.ts'
import { findSettings, lockOrganization, saveSettings } from './organization-store.ts'
import { OrgSettingsWire } from './organization-wire.ts'

export const updateOrgSettings = endpoint({
  route: 'PATCH /api/orgs/:orgId/settings',
  summary: "Change an organization's settings",
  caller: 'member',
  permission: 'org:update',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'org.settings-updated',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  body: Type.Partial(Type.Pick(OrgSettingsWire, ['apiVersion', 'auditRetentionDays'])),
  returns: { 200: OrgSettingsWire },
  fails: [],
  async handle({ body, scope, change, platform }) {
    checkVersion(platform.versions, body.apiVersion ?? null)
    const { after } = await change(
      async (tx) => {
        foundOr(await lockOrganization(tx, scope), 'org-not-found')
        const before = foundOr(await findSettings(tx, scope), 'org-not-found')
        const changed = { ...before, ...body }
        await saveSettings(tx, scope, changed)
        return { before, after: changed }
      },
      (saved) => ({
        resourceId: toWireId('org', scope.organizationId),
        changes: changesBetween({ ...saved.before }, { ...saved.after }),
      }),
    )
    // API keys are cached for up to a minute together with the old pin.
    platform.wake.wake('keys', '*')
    return ok(after)
  },
})

function checkVersion(versions: VersionRegistry, apiVersion: string | null): void {
  if (apiVersion === null || versions.has(apiVersion)) return
  refuseInvalid([
    {
      pointer: '/apiVersion',
      message: `is not an API version; the current version is ${versions.current}`,
      code: 'apiVersion',
    },
  ])
}
