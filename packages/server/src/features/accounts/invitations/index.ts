import { feature } from '../../../platform/http/feature.ts'
import { acceptInvitation } from './accept-invitation.ts'
import { cancelInvitation } from './cancel-invitation.ts'
import { createInvitation } from './create-invitation.ts'
import { getInvitation } from './get-invitation.ts'
import { getPublicInvitation } from './get-public-invitation.ts'
import { listInvitations } from './list-invitations.ts'
import { hasPendingInvitation, invitationsOf, removeInvitations } from './invitation-store.ts'
import { resendInvitation } from './resend-invitation.ts'
import { showInvitation } from './show-invitation.ts'
import { updateInvitation } from './update-invitation.ts'

const problems = {
  'email-mismatch': { status: 403, title: 'E-Mail Mismatch' },
  'invitation-not-found': { status: 404, title: 'Invitation Not Found' },
  'already-member': { status: 409, title: 'Already A Member' },
  'invitation-not-pending': { status: 409, title: 'Invitation Not Pending' },
  'too-many-invitations': { status: 409, title: 'Too Many Invitations' },
  'invitation-accepted': { status: 410, title: 'Invitation Accepted' },
  'invitation-cancelled': { status: 410, title: 'Invitation Cancelled' },
  'invitation-expired': { status: 410, title: 'Invitation Expired' },
} as const
const idPrefixes = { inv: 'An invitation.' } as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
}

export const invitationsFeature = feature({
  folder: 'accounts/invitations',
  tag: 'Invitations',
  description: 'Invitations add people to an organization: a link is mailed to them, and they accept it.',
  problems,
  idPrefixes,
  removes: { organization: { invitations: removeInvitations } },
  isInvited: hasPendingInvitation,
  owns: ['invitations'],
  contents: { organization: { invitations: { rows: invitationsOf } } },
  endpoints: {
    createInvitation,
    listInvitations,
    getInvitation,
    updateInvitation,
    resendInvitation,
    cancelInvitation,
    getPublicInvitation,
    acceptInvitation,
    showInvitation,
  },
})
