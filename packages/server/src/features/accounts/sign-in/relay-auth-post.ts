import { Type } from 'typebox'
import { endpoint } from '../../../platform/http/endpoint.ts'
import { Nullable, NameText } from '../../../platform/http/wire.ts'
import { forwardToLibrary } from './forward-to-auth-library.ts'
import { imageField } from './sign-in-wire.ts'

/** The fields that the library stores unchecked: a user's name and picture, and a passkey's name. */
const Body = Type.Object(
  {
    name: Type.Optional(NameText(200)),
    image: Type.Optional(Nullable(imageField)),
  },
  { additionalProperties: true },
)

/** The library's other POST routes: social sign-in, codes and passkeys, password reset, changes of user data. */
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
  body: Body,
  bodyKind: 'optional-json',
  // A new passkey's attestation can contain several certificates.
  bodyBytesMax: 32_768,
  returns: {},
  fails: [
    'auth-request-refused',
    'sign-in-failed',
    'sign-up-closed',
    'email-domain-refused',
    'user-suspended',
    'sign-in-refused',
    'reauthentication-required',
    'sign-up-refused',
    'too-many-wrong-codes',
    'too-many-wrong-passwords',
    'weak-password',
    'origin-not-allowed',
    'unauthorized',
    'not-found',
    'method-not-allowed',
  ],
  handle: (http) => forwardToLibrary(http, { method: 'POST', body: new Uint8Array(http.request.state.rawBody) }),
})
