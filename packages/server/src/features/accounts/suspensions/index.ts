import { feature } from '../../../platform/http/feature.ts'
import { removeSuspensions } from './suspension-store.ts'

export const suspensionsFeature = feature({
  folder: 'accounts/suspensions',
  tag: 'Suspensions',
  description: 'Organizations and users that an administrator of the instance has suspended.',
  owns: ['organization_suspensions', 'user_suspensions'],
  removes: { organization: { organization_suspensions: removeSuspensions } },
  endpoints: {},
})
