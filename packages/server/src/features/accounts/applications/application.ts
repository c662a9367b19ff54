import { Type, type Static } from 'typebox'
import { problem } from '../../../platform/problems/problem.ts'
import type { KeyCaller, OrgScope, UserCaller } from '../../../platform/access/caller.ts'

const Days = (what: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: 3_650, description: `Days after which ${what}` }))

/** How long an application keeps things. Each field is a key of the hook `expires`. */
export const Retention = Type.Object(
  {
    runDays: Days('a run is deleted with its log and its output files, counted from its end.'),
    fileDays: Days('a file is deleted, counted from its creation. A file that an unfinished run uses is kept.'),
    deliveryDays: Days('an event of a webhook is deleted with its deliveries; 30 at most have an effect.'),
    notificationDays: Days('a notification is deleted; 90 at most have an effect.'),
  },
  { description: 'Deletes old things, once a day. What has no field here is kept.' },
)
export type Retention = Static<typeof Retention>

export const ApplicationSettings = Type.Object({
  retention: Type.Optional(Retention),
  allowedRedirectDomains: Type.Optional(
    Type.Array(Type.String({ format: 'hostname', minLength: 1, maxLength: 253 }), {
      maxItems: 20,
      description: 'Domains to which an end-user may be redirected after connecting a service.',
    }),
  ),
})
export type ApplicationSettings = Static<typeof ApplicationSettings>

export interface Application {
  readonly id: string
  readonly organizationId: string
  readonly name: string
  readonly isDefault: boolean
  readonly settings: ApplicationSettings
  readonly createdBy: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** The applications that a caller can access: all of the organization, or the one that their API key belongs to. */
export interface ApplicationReach extends OrgScope {
  readonly onlyApplicationId: string | null
}

/** An API key sees only its own application, even if its creator can see others. */
export function reachOf(scope: OrgScope, caller: UserCaller | KeyCaller): ApplicationReach {
  return {
    organizationId: scope.organizationId,
    onlyApplicationId: caller.kind === 'api-key' ? caller.applicationId : null,
  }
}

/** Throws default-application. */
export function checkDeletable(application: Application): void {
  if (application.isDefault)
    throw problem('default-application', {
      detail: 'The default application can only be deleted together with its organization.',
    })
}
