import { Type, type Static, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { Nullable, wire, WireId, WireTime } from '../../../platform/http/wire.ts'

/** A person who can sign in. */
export const UserWire = wire('User', {
  id: WireId('usr'),
  name: Type.String(),
  email: Type.String(),
  emailVerified: Type.Boolean(),
  image: Type.Optional(Nullable(Type.String({ description: 'Address of a picture.' }))),
  twoFactorEnabled: Type.Optional(Nullable(Type.Boolean({ description: 'Signing in by password needs a code too.' }))),
  createdAt: WireTime,
  updatedAt: WireTime,
})

export const SessionWire = wire('Session', {
  id: Type.String(),
  userId: WireId('usr'),
  token: Type.String({
    description: 'Names the session when it is to be revoked; the cookie is this and a signature.',
  }),
  expiresAt: WireTime,
  ipAddress: Type.Optional(Nullable(Type.String())),
  userAgent: Type.Optional(Nullable(Type.String())),
  createdAt: WireTime,
  updatedAt: WireTime,
})

/** What signing up and signing in answer; the session itself is in the cookie. */
export const SignedInWire = wire('SignedIn', {
  token: Nullable(Type.String({ description: 'Null while the e-mail address has to be verified first.' })),
  user: UserWire,
})

/** What signing in answers to the password of somebody who uses codes. */
export const CodeNeededWire = wire('CodeNeeded', {
  twoFactorRedirect: Type.Literal(true, {
    description: 'No session yet: send a code to `/api/auth/two-factor/verify-totp` or `…/verify-backup-code`.',
  }),
  twoFactorMethods: Type.Array(Type.String({ examples: ['totp'] })),
})

export const emailField = Type.String({ format: 'email', maxLength: 320, examples: ['ada@example.com'] })
export const callbackUrlField = Type.String({
  maxLength: 2000,
  description: 'Where a link in a mail leads in the end; a path, or a URL of a trusted origin.',
})
export const rememberMeField = Type.Boolean({ description: 'False: the session ends with the browser.' })

/** The library's answer, checked against what we promise. Throws an Error when it is something else. */
export async function parseAnswer<T extends TSchema>(schema: T, response: Response): Promise<Static<T>> {
  return Value.Parse(schema, await response.json())
}
