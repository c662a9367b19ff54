import { Type, type Static } from 'typebox'
import { problem } from '../../../platform/problems/problem.ts'
import type { KeyCaller, OrgScope, UserCaller } from '../../../platform/access/caller.ts'

export const ApplicationSettings = Type.Object({
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
