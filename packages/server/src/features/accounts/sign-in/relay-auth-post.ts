import { endpoint } from '../../../platform/http/endpoint.ts'
import { JsonObject } from '../../../platform/http/wire.ts'
import { relay } from './relay.ts'

/** Everything else that the auth library answers to POST: social sign-in, codes and passkeys, password reset, changes of a user's own data. */
export const relayAuthPost = endpoint({
  route: 'POST /api/auth/*',
  summary: 'Write to the auth library',
  caller: 'anyone',
  permission: 'none',
  // Some of these send mails, and some check passwords.
  limit: 'create',
  idempotency: 'not-needed',
  audit: 'none',
  undocumented: true,
  body: JsonObject,
  bodyKind: 'optional-json',
  returns: {},
  fails: [
    ...['auth-request-refused', 'sign-in-failed', 'sign-in-refused', 'sign-up-refused', 'too-many-wrong-codes'],
    ...['origin-not-allowed', 'unauthorized', 'not-found', 'method-not-allowed'],
  ],
  handle: (http) => relay(http, { method: 'POST', body: new Uint8Array(http.request.state.rawBody) }),
})
