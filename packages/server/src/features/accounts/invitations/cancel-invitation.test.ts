import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { membersFeature } from '../members/index.ts'
import { addPerson, rolesIn } from '../members/testing/person.ts'
import { signInFeature } from '../sign-in/index.ts'
import { cancelInvitation } from './cancel-invitation.ts'
import { invitationsFeature } from './index.ts'
import { invite } from './testing/invited.ts'

const options = { features: [invitationsFeature, membersFeature, signInFeature] }

describeEndpoint(cancelInvitation, {
  as: 'session',
  given: (tenant) => invite(tenant),
  call: ({ orgId, id }) => ({ params: { orgId, invitationId: id } }),
  world: options,
})

describe('cancelling an invitation', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('disables the link immediately; answers 409 the second time and 404 to an unknown invitation', async () => {
    const tenant = await world.tenant()
    const [invited, foreign] = [await invite(tenant), await invite(await world.tenant())]
    const { send } = await tenant.session()
    const cancel = (id: string) => send(`DELETE /api/orgs/${tenant.orgId}/invitations/${id}`)
    expect((await cancel(invited.id)).status).toBe(204)
    expectProblem(undefined, await world.send(`GET /api/invitations/${invited.token}`), 'invitation-cancelled')
    expectProblem(cancelInvitation, await cancel(invited.id), 'invitation-not-pending')
    for (const id of [foreign.id, newWireId('inv')])
      expectProblem(cancelInvitation, await cancel(id), 'invitation-not-found')
    expect((await world.send(`GET /api/invitations/${foreign.token}`)).status).toBe(200)
  })

  it('has one winner if the invitation is accepted concurrently', async () => {
    for (let round = 0; round < 6; round += 1) {
      const tenant = await world.tenant()
      const guest = await addPerson(world, tenant, 'stranger')
      const invited = await invite(tenant, { email: guest.email })
      const { send } = await tenant.session()
      const [cancelled, accepted] = await Promise.all([
        send(`DELETE /api/orgs/${tenant.orgId}/invitations/${invited.id}`),
        guest.send(`POST /api/invitations/${invited.token}/accept`),
      ])
      expect([
        [204, 410],
        [409, 200],
      ]).toContainEqual([cancelled.status, accepted.status])
      expect((await rolesIn(world, tenant))[guest.userId]).toBe(accepted.status === 200 ? 'member' : undefined)
    }
  })

  it.each([
    ['admin', 204],
    ['member', 403],
    ['viewer', 403],
  ] as const)('answers a %s with %i', async (role, status) => {
    const tenant = await world.tenant()
    const { id } = await invite(tenant)
    expect(
      (await (await addPerson(world, tenant, role)).send(`DELETE /api/orgs/${tenant.orgId}/invitations/${id}`)).status,
    ).toBe(status)
  })
})
