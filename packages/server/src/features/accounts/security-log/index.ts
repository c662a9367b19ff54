import { feature } from '../../../platform/http/feature.ts'
import { deleteOldSecurityEvents } from './delete-old-security-events.job.ts'
import { listSecurityLog } from './list-security-log.ts'

export { recordSecurityEvent, type Recorder } from './record-security-event.ts'
export type { EventRequest, SecurityAction } from './security-event.ts'

const idPrefixes = { sev: 'An event in the security log of a user.' } as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
}

export const securityLogFeature = feature({
  folder: 'accounts/security-log',
  tag: 'Security log',
  description: 'Sign-ins of a user, and changes of how they sign in.',
  idPrefixes,
  endpoints: { listSecurityLog },
  jobs: [deleteOldSecurityEvents],
  owns: ['security_events'],
})
