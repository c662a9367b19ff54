import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { endpoint } from '../../../platform/http/endpoint.ts'
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
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; script-src 'unsafe-inline'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      // The URL contains the token, which is a secret.
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    },
  }),
})
