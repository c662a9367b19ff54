import { feature } from '../../../platform/http/feature.ts'
import { removeSuspensions } from './suspension-store.ts'

export { SuspensionField, toSuspensionField } from './suspension-wire.ts'
export {
  deleteOrganizationSuspension,
  deleteUserSuspension,
  findOrganizationSuspension,
  findUserSuspension,
  insertOrganizationSuspension,
  insertUserSuspension,
  organizationSuspensions,
  suspensionOf,
  suspensionOfUser,
  userSuspensions,
  type Suspension,
} from './suspension-store.ts'

const problems = { 'user-suspended': { status: 403, title: 'User Suspended' } } as const
const wakes = { suspensions: 'An organization was suspended.' } as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface WakeTopics extends Readonly<typeof wakes> {}
}

/** The SQLSTATE with which a trigger refuses a session of a suspended user. */
export const suspendedUserCode = 'TD003'

export const suspensionsFeature = feature({
  folder: 'accounts/suspensions',
  tag: 'Suspensions',
  description: 'Organizations and users that an administrator of the instance has suspended.',
  problems,
  wakes,
  owns: ['organization_suspensions', 'user_suspensions'],
  removes: { organization: { organization_suspensions: removeSuspensions } },
  endpoints: {},
})
