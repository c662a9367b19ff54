import { Type } from 'typebox'
import { endpoint, ok, smallBodyBytes } from '../../../platform/http/endpoint.ts'
import { callLibrary } from './forward-to-auth-library.ts'
import { callbackUrlField, emailField, imageField, parseReply, rememberMeField, SignedInWire } from './sign-in-wire.ts'
import { NameText } from '../../../platform/http/wire.ts'

export const signUpEmail = endpoint({
  route: 'POST /api/auth/sign-up/email',
  summary: 'Sign up with an e-mail address',
  description:
    'Creates a user and signs them in with a session cookie. ' +
    'If a mail server is configured, the address must be verified first.',
  caller: 'anyone',
  permission: 'none',
  limit: 'create',
  idempotency: 'not-needed',
  audit: 'none',
  body: Type.Object({
    name: NameText(200),
    email: emailField,
    password: Type.String({ minLength: 8, maxLength: 128 }),
    image: Type.Optional(imageField),
    callbackURL: Type.Optional(callbackUrlField),
    rememberMe: Type.Optional(rememberMeField),
  }),
  bodyBytesMax: smallBodyBytes,
  returns: { 200: SignedInWire },
  fails: [
    'auth-request-refused',
    'sign-up-closed',
    'email-domain-refused',
    'sign-in-refused',
    'origin-not-allowed',
    'sign-up-refused',
    'weak-password',
  ],
  async handle({ body, ...http }) {
    return ok(await parseReply(SignedInWire, await callLibrary(http, { method: 'POST', body: JSON.stringify(body) })))
  },
})
