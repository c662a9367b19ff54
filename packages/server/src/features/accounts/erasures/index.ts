import { feature } from '../../../platform/http/feature.ts'
import { eraseEndUser } from './erase-end-user.ts'

export const erasuresFeature = feature({
  folder: 'accounts/erasures',
  tag: 'Erasure',
  description: 'The deletion of an end-user with all of their content.',
  owns: ['erasures'],
  endpoints: { eraseEndUser },
})
