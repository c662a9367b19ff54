import { feature } from '../../../platform/http/feature.ts'
import { removeErasures } from './erasure-store.ts'
import { eraseEndUser } from './erase-end-user.ts'

export const erasuresFeature = feature({
  folder: 'accounts/erasures',
  tag: 'Erasure',
  description: 'The deletion of an end-user with all of their content.',
  removes: { application: { erasures: removeErasures } },
  owns: ['erasures'],
  endpoints: { eraseEndUser },
})
