import { Type, type Static, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { Nullable, wire, WireId, WireTime } from '../../../platform/http/wire.ts'

/** A person who can sign in. */
export const UserWire = wire('User', {
  id: WireId('usr'),
  name: Type.String(),
  email: Type.String(),
  emailVerified: Type.Boolean(),
  image: Type.Optional(Nullable(Type.String({ description: 'The URL of a picture.' }))),
  twoFactorEnabled: Type.Optional(
    Nullable(Type.Boolean({ description: 'Whether signing in with a password also requires a code.' })),
  ),
  createdAt: WireTime,
  updatedAt: WireTime,
})

export const SessionWire = wire('Session', {
  id: Type.String(),
  userId: WireId('usr'),
  token: Type.String({
    description: 'Identifies the session, for example to revoke it. The cookie consists of this token and a signature.',
  }),
  expiresAt: WireTime,
  ipAddress: Type.Optional(Nullable(Type.String())),
  userAgent: Type.Optional(Nullable(Type.String())),
  createdAt: WireTime,
  updatedAt: WireTime,
})

/** The reply to signing up and signing in; the session itself is in the cookie. */
export const SignedInWire = wire('SignedIn', {
  token: Nullable(
    Type.String({ description: 'The token of the session; null if the e-mail address must be verified first.' }),
  ),
  user: UserWire,
})

/** The reply to signing in with a password if the user has enabled codes. */
export const CodeNeededWire = wire('CodeNeeded', {
  twoFactorRedirect: Type.Literal(true, {
    description:
      'True: there is no session yet. Send a code to `/api/auth/two-factor/verify-totp` or `…/verify-backup-code`.',
  }),
  twoFactorMethods: Type.Array(Type.String({ examples: ['totp'] })),
})

export const imageField = Type.String({
  maxLength: 2000,
  pattern: '^https://[^\\s\\u0000-\\u001f\\u007f-\\u009f"\'<>\\\\`]+$',
  description: 'The https URL of a picture.',
})
export const emailField = Type.String({ format: 'email', maxLength: 320, examples: ['ada@example.com'] })
export const callbackUrlField = Type.String({
  maxLength: 2000,
  description: 'Where the link in the mail finally redirects to: a path, or a URL of a trusted origin.',
})
export const rememberMeField = Type.Boolean({ description: 'If false, the session ends when the browser is closed.' })

/** Checks the library's reply against the documented schema. Throws an Error if it does not match. */
export async function parseReply<T extends TSchema>(schema: T, response: Response): Promise<Static<T>> {
  return Value.Parse(schema, await response.json())
}
