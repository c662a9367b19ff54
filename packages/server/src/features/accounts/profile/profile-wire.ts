import { Type, type Static } from 'typebox'
import { Nullable, toWireTime, wire, WireId, WireTime } from '../../../platform/http/wire.ts'
import type { User } from '../sign-in/index.ts'

export const ProfileWire = wire('Profile', {
  id: WireId('usr'),
  displayName: Type.String(),
  email: Type.String(),
  emailVerified: Type.Boolean(),
  language: Nullable(
    Type.String({ examples: ['pt-BR'], description: 'A BCP 47 language tag; null for the default language.' }),
  ),
  twoFactorEnabled: Type.Boolean({ description: 'Whether signing in with a password also requires a code.' }),
  createdAt: WireTime,
})

/** The part of a profile that other members see. */
export const PublicProfileWire = wire('PublicProfile', { id: WireId('usr'), displayName: Type.String() })

export function toProfileWire(profile: User): Static<typeof ProfileWire> {
  return { ...profile, createdAt: toWireTime(profile.createdAt) }
}
