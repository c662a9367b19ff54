import { Type } from 'typebox'
import { endpoint } from '../../../platform/http/endpoint.ts'
import { forwardToLibrary } from './forward-to-auth-library.ts'

const text = Type.Optional(Type.String())

/** The library's other GET routes: redirects from Google and GitHub, links in mails, lists of sessions and passkeys. */
export const relayAuthGet = endpoint({
  route: 'GET /api/auth/*',
  summary: 'Read from the auth library',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  undocumented: true,
  // The library's own parameters, and those that OAuth servers add to their redirect.
  query: {
    ...{
      token: text,
      callbackURL: text,
      accountId: text,
      providerId: text,
      disableCookieCache: text,
      disableRefresh: text,
    },
    ...{ authenticatorAttachment: text, name: text },
    ...{ code: text, state: text, error: text, error_description: text, error_uri: text },
    ...{ iss: text, scope: text, authuser: text, prompt: text, hd: text, session_state: text },
  },
  returns: {},
  fails: [
    'auth-request-refused',
    'sign-in-failed',
    'sign-up-closed',
    'email-domain-refused',
    'user-suspended',
    'sign-in-refused',
    'reauthentication-required',
    'origin-not-allowed',
    'unauthorized',
    'not-found',
    'method-not-allowed',
  ],
  handle: (http) => forwardToLibrary(http, { method: 'GET' }),
})
