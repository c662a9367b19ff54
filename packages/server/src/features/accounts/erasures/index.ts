import { feature } from '../../../platform/http/feature.ts'
import { continueErasures } from './continue-erasures.job.ts'
import { removeErasures } from './erasure-store.ts'
import { eraseEndUser } from './erase-end-user.ts'
import { getErasure } from './get-erasure.ts'

const wakes = { erasures: 'An erasure is left to the background.' } as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface WakeTopics extends Readonly<typeof wakes> {}
}

export const erasuresFeature = feature({
  folder: 'accounts/erasures',
  tag: 'Erasure',
  description: 'The deletion of an end-user with all of their content.',
  wakes,
  removes: { application: { erasures: removeErasures } },
  owns: ['erasures'],
  endpoints: { eraseEndUser, getErasure },
  jobs: [continueErasures],
})
