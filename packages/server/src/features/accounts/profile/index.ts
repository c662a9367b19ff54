import { feature } from '../../../platform/http/feature.ts'
import { getProfile } from './get-profile.ts'
import { getProfiles } from './get-profiles.ts'
import { listSessions } from './list-sessions.ts'
import { revokeOtherSessions } from './revoke-other-sessions.ts'
import { revokeSession } from './revoke-session.ts'
import { updateProfile } from './update-profile.ts'

const problems = {
  'session-not-found': { status: 404, title: 'Session Not Found' },
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
}

export const profileFeature = feature({
  folder: 'accounts/profile',
  tag: 'Profile',
  description: "A signed-in user's own account: profile and sessions.",
  problems,
  endpoints: { getProfile, updateProfile, getProfiles, listSessions, revokeSession, revokeOtherSessions },
})
