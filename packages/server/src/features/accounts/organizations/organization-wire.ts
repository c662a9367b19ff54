import { Type, type Static } from 'typebox'
import { contributedCounts } from '../../../platform/http/openapi/contributed.ts'
import { Nullable, OneOf, toWireTime, wire, WireId, WireTime, NameText } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { roles } from '../../../platform/access/permissions.ts'
import { countMaxField } from '../applications/index.ts'
import { SuspensionField, toSuspensionField } from '../suspensions/index.ts'
import { slugLengthMax, slugPattern, type Organization } from './organization.ts'

export const OrgWire = wire('Org', {
  id: WireId('org'),
  name: Type.String(),
  slug: Type.String(),
  role: OneOf(roles, { description: 'Your role in the organization.' }),
  suspension: SuspensionField,
  createdAt: WireTime,
  updatedAt: WireTime,
})

/** The fields of an organization that a request sets. */
export const orgFields = {
  name: NameText(100),
  slug: Type.String({
    minLength: 1,
    maxLength: slugLengthMax,
    pattern: slugPattern,
    examples: ['acme'],
    description: 'Unique. When absent on creation, derived from the name.',
  }),
}

export const OrgSettingsWire = wire('OrgSettings', {
  apiVersion: Nullable(
    Type.String({
      examples: ['2026-03-21'],
      description: 'The API version for requests without `Appstrate-Version`; null uses the current version.',
    }),
  ),
  auditRetentionDays: Nullable(
    Type.Integer({
      minimum: 30,
      maximum: 3_650,
      description:
        'Days after which entries are removed from the front of the audit log, once a day; null keeps them. ' +
        'An entry reports each removal, and the rest of the log can still be verified.',
    }),
  ),
})

export const OrgDeletionWire = wire('OrgDeletion', {
  deletes: contributedCounts({ hook: 'contents', noun: 'organization' }, { hook: 'contents', noun: 'application' }),
  blockedBy: contributedCounts({ hook: 'blocksDeletion', noun: 'application' }),
  countMax: countMaxField,
})

export function toOrgWire(organization: Organization): Static<typeof OrgWire> {
  return {
    id: toWireId('org', organization.id),
    name: organization.name,
    slug: organization.slug,
    role: organization.role,
    suspension: toSuspensionField(organization.suspension),
    createdAt: toWireTime(organization.createdAt),
    updatedAt: toWireTime(organization.updatedAt),
  }
}
