import { Type } from 'typebox'
import { endpoint, ok, smallBodyBytes } from '../../../platform/http/endpoint.ts'
import { callLibrary } from './forward-to-auth-library.ts'
import {
  callbackUrlField,
  CodeNeededWire,
  emailField,
  parseReply,
  rememberMeField,
  SignedInWire,
} from './sign-in-wire.ts'

const Answer = Type.Union([SignedInWire, CodeNeededWire])

export const signInEmail = endpoint({
  route: 'POST /api/auth/sign-in/email',
  summary: 'Sign in with an e-mail address',
  description:
    'The reply sets the session cookie. If the user has enabled codes, the reply has `twoFactorRedirect` instead, ' +
    'and the session starts with the correct code.',
  caller: 'anyone',
  permission: 'none',
  limit: 'create',
  idempotency: 'not-needed',
  audit: 'none',
  body: Type.Object({
    email: emailField,
    password: Type.String({ minLength: 1, maxLength: 128 }),
    callbackURL: Type.Optional(callbackUrlField),
    rememberMe: Type.Optional(rememberMeField),
  }),
  bodyBytesMax: smallBodyBytes,
  returns: { 200: Answer },
  fails: [
    'auth-request-refused',
    'sign-in-failed',
    'user-suspended',
    'sign-in-refused',
    'too-many-wrong-passwords',
    'origin-not-allowed',
  ],
  async handle({ body, ...http }) {
    return ok(await parseReply(Answer, await callLibrary(http, { method: 'POST', body: JSON.stringify(body) })))
  },
})
