import { problems } from '../../../platform/problems/problem.ts'

problems({
  'email-mismatch': { status: 403, title: 'E-Mail Mismatch' },
  'invitation-not-found': { status: 404, title: 'Invitation Not Found' },
  'already-member': { status: 409, title: 'Already A Member' },
  'invitation-not-pending': { status: 409, title: 'Invitation Not Pending' },
  'too-many-invitations': { status: 409, title: 'Too Many Invitations' },
  'invitation-accepted': { status: 410, title: 'Invitation Accepted' },
  'invitation-cancelled': { status: 410, title: 'Invitation Cancelled' },
  'invitation-expired': { status: 410, title: 'Invitation Expired' },
})
