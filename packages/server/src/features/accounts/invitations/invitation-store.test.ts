import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Tx } from '../../../platform/db/database.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { changesOf, tryChanges } from '../../../testing/try-changes.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { cancelInvitationOf, insertInvitation, saveAcceptance, saveCancellation } from './invitation-store.ts'
import { expiryFrom, hashToken, invitationTransitions, newToken, storedInvitationStatuses } from './invitation.ts'

let world: World
let tenant: Tenant
beforeAll(async () => {
  world = await openWorld()
  tenant = await world.tenant()
})
afterAll(() => world.close())

it('changes the status of an invitation as the table of transitions allows, and in no other way', async () => {
  const { db } = world.platform
  const sentAt = new Date()
  const inTransaction = (work: (tx: Tx) => Promise<unknown>) => db.transaction().execute(work)
  const made = await tryChanges({
    statuses: storedInvitationStatuses,
    async given(status) {
      const id = newUuid()
      const token = { tokenHash: hashToken(newToken()), encryptedToken: null, expiresAt: expiryFrom(sentAt), sentAt }
      const about = { id, email: `${id}@example.com`, role: 'member', invitedBy: tenant.userId } as const
      await inTransaction((tx) => insertInvitation(tx, tenant.scope, { ...about, ...token }))
      await db.updateTable('invitations').set({ status }).where('id', '=', id).execute()
      return id
    },
    read: async (id) =>
      (await db.selectFrom('invitations').select('status').where('id', '=', id).executeTakeFirstOrThrow()).status,
    writes: [
      (id) => inTransaction((tx) => saveCancellation(tx, tenant.scope, id)),
      (id) => inTransaction((tx) => saveAcceptance(tx, tenant.scope, { id, userId: tenant.userId })),
      (id) => inTransaction((tx) => cancelInvitationOf(tx, tenant.scope, `${id}@example.com`)),
    ],
  })
  expect(made).toEqual(changesOf(invitationTransitions))
})
