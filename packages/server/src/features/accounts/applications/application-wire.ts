import { Type, type Static } from 'typebox'
import { countedMax } from '../../../platform/hooks/postgres-counts.ts'
import { contributed, contributedCounts } from '../../../platform/http/openapi/contributed.ts'
import { Nullable, toWireTime, wire, WireId, WireTime, NameText } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { ApplicationSettings, type Application } from './application.ts'

export const ApplicationWire = wire('Application', {
  id: WireId('app'),
  orgId: WireId('org'),
  name: Type.String(),
  isDefault: Type.Boolean({
    description: 'Whether this is the default application, which exists as long as its organization.',
  }),
  settings: ApplicationSettings,
  createdBy: Nullable(WireId('usr')),
  createdAt: WireTime,
  updatedAt: WireTime,
})

export const countMaxField = Type.Literal(countedMax, {
  description: 'Counting stops at this number: a count that reaches it means this many or more.',
})

export const ApplicationDeletionWire = wire('ApplicationDeletion', {
  deletes: contributedCounts({ hook: 'contents', noun: 'application' }),
  blockedBy: contributed<{ readonly isDefault: boolean }>(
    [{ hook: 'blocksDeletion', noun: 'application' }],
    Type.Object({
      isDefault: Type.Boolean({
        description: 'If true, the application can only be deleted together with its organization.',
      }),
    }),
  ),
  countMax: countMaxField,
})

/** The fields of an application that a request sets. */
export const applicationFields = {
  name: NameText(100),
  settings: ApplicationSettings,
}

export function toApplicationWire(application: Application): Static<typeof ApplicationWire> {
  return {
    id: toWireId('app', application.id),
    orgId: toWireId('org', application.organizationId),
    name: application.name,
    isDefault: application.isDefault,
    settings: application.settings,
    createdBy: application.createdBy,
    createdAt: toWireTime(application.createdAt),
    updatedAt: toWireTime(application.updatedAt),
  }
}
