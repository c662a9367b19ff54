import { Type, type Static } from 'typebox'
import { Nullable, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { ApplicationSettings, type Application } from './application.ts'

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
