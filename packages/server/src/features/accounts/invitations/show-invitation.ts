import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { endpoint } from '../../../platform/http/endpoint.ts'
import { policyOfPage } from '../../../platform/http/security-headers.ts'
import { tokenParam } from './invitation.ts'
import { invitationPage } from './invitation-page.ts'

export const showInvitation = endpoint({
  route: 'GET /invite/:token',
  summary: 'The page behind an invitation link',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { token: tokenParam },
  returns: { 200: Type.String() },
  streams: 'text/html',
  undocumented: true,
  fails: [],
  handle: async () => ({
    status: 200,
    stream: Readable.from([invitationPage]),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policyOfPage(invitationPage),
      'cache-control': 'no-store',
    },
  }),
})
