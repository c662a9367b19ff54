import { Type } from 'typebox'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { created, endpoint, smallBodyBytes } from '../../../platform/http/endpoint.ts'
import { NameText } from '../../../platform/http/wire.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { addUser, issuePasswordLink } from '../../accounts/sign-in/index.ts'
import { InstanceUserWire, toInstanceUserWire } from './administration-wire.ts'
import { findInstanceUser } from './instance-user-store.ts'

const Created = Type.Object({
  user: InstanceUserWire,
  passwordLink: Type.Optional(
    Type.String({
      description:
        'The link by which the user sets their password, within seven days. Absent if it was mailed. A client sends ' +
        'the last part of its path as `token`, with `newPassword`, to `POST /api/auth/reset-password`.',
    }),
  ),
})

export const createInstanceUser = endpoint({
  route: 'POST /api/admin/users',
  summary: 'Create a user',
  description:
    'Works on a closed instance too, with an address of any domain. The user gets a link to set a password; their ' +
    'address counts as verified. Repeat the request for a new link, as long as the user has not set a password.',
  caller: 'administrator',
  permission: 'none',
  limit: 'create',
  // A reply stored for replays would contain the link. Creating twice leaves one user anyway.
  idempotency: 'not-needed',
  audit: 'user.created',
  body: Type.Object({
    email: Type.String({ format: 'email', maxLength: 320, examples: ['ada@example.com'] }),
    displayName: Type.Optional(NameText(200, { description: 'Defaults to the e-mail address.' })),
  }),
  bodyBytesMax: smallBodyBytes,
  returns: { 201: Created },
  fails: ['user-exists'],
  async handle({ body, change, db, platform: { clock, config, use } }) {
    const email = body.email.toLowerCase()
    const user = await change(
      async (tx) => {
        const userId = foundOr(await addUser(tx, { name: body.displayName ?? email, email }), 'user-exists', {
          detail: `${email} has an account already.`,
        })
        return foundOr(await findInstanceUser(tx, userId), 'user-not-found')
      },
      ({ id }) => ({ resourceId: id, changes: changesBetween({}, { email }) }),
    )
    const passwordLink = await issuePasswordLink({ clock, config, db, use }, { userId: user.id, email })
    return created(
      { user: toInstanceUserWire(user), ...(passwordLink === undefined ? {} : { passwordLink }) },
      `/api/admin/users/${user.id}`,
    )
  },
})
