import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { Nullable, NameText } from '../../../platform/http/wire.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { lockUser, saveUser } from '../sign-in/index.ts'
import { canonicalLanguage, findLanguageMistakes } from './profile.ts'
import { ProfileWire, toProfileWire } from './profile-wire.ts'

export const updateProfile = endpoint({
  route: 'PATCH /api/profile',
  summary: 'Change your profile',
  description: 'To change your e-mail address, password, codes and passkeys, use the endpoints under `/api/auth`.',
  caller: 'user',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'profile.updated',
  body: Type.Object({
    displayName: Type.Optional(NameText(100)),
    language: Type.Optional(
      Nullable(
        Type.String({
          maxLength: 35,
          description: 'A BCP 47 language tag such as `pt-BR`; null for the default language.',
        }),
      ),
    ),
  }),
  returns: { 200: ProfileWire },
  fails: [],
  async handle({ body: { displayName, language }, caller, change }) {
    refuseInvalid(findLanguageMistakes(language))
    const changes = {
      ...(displayName === undefined ? {} : { displayName }),
      ...(language === undefined ? {} : { language: language === null ? null : (canonicalLanguage(language) ?? null) }),
    }
    const { after } = await change(
      async (tx) => ({
        before: foundOr(await lockUser(tx, caller.userId), 'unauthorized'),
        after: await saveUser(tx, caller.userId, changes),
      }),
      (profile) => ({ resourceId: caller.userId, changes: changesBetween(profile.before, profile.after) }),
    )
    return ok(toProfileWire(after))
  },
})
