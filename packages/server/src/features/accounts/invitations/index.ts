import { feature } from '../../../platform/http/feature.ts'
import { acceptInvitation } from './accept-invitation.ts'
import { cancelInvitation } from './cancel-invitation.ts'
import { createInvitation } from './create-invitation.ts'
import { getInvitation } from './get-invitation.ts'
import { getPublicInvitation } from './get-public-invitation.ts'
import { listInvitations } from './list-invitations.ts'
import './problems.ts'
import { resendInvitation } from './resend-invitation.ts'
import { showInvitation } from './show-invitation.ts'
import { updateInvitation } from './update-invitation.ts'

export const invitationsFeature = feature({
  folder: 'accounts/invitations',
  tag: 'Invitations',
  description: 'Invitations add people to an organization: a link is mailed to them, and they accept it.',
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
