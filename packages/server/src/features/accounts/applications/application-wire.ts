import { Type, type Static } from 'typebox'
import { Nullable, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { ApplicationSettings, type Application, type ApplicationContent } from './application.ts'
import { countedMax } from './content-store.ts'

export const ApplicationWire = wire('Application', {
  id: WireId('app'),
  orgId: WireId('org'),
  name: Type.String(),
  isDefault: Type.Boolean({ description: 'Made with the organization, and stays with it.' }),
  settings: ApplicationSettings,
  createdBy: Nullable(WireId('usr')),
  createdAt: WireTime,
  updatedAt: WireTime,
})

const count = Type.Integer({ minimum: 0, maximum: countedMax })

/** What goes with an application. */
export const contentFields = {
  agents: count,
  runs: count,
  files: count,
  endUsers: count,
  apiKeys: { ...count, description: 'Those that are not revoked.' },
  schedules: count,
  webhooks: count,
}

export const countMaxField = Type.Literal(countedMax, {
  description: 'Counting stops here: a number as high as this means that many or more.',
})

export const activeRunsField = {
  ...count,
  description: 'Runs that are pending, running or waiting: cancel them, or wait until they have ended.',
}

export const ApplicationDeletionWire = wire('ApplicationDeletion', {
  deletes: Type.Object(contentFields),
  blockedBy: Type.Object({
    activeRuns: activeRunsField,
    isDefault: Type.Boolean({ description: 'The default application goes with its organization only.' }),
  }),
  countMax: countMaxField,
})

/** What a request says of an application. */
export const applicationFields = {
  name: Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' }),
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

export function toContentWire({ activeRuns: _activeRuns, ...content }: ApplicationContent) {
  return content
}
