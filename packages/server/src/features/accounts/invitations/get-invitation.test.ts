import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { addPerson } from '../members/testing/person.ts'
import { getInvitation } from './get-invitation.ts'
import { invitationsFeature } from './index.ts'
import { invite } from './testing/invited.ts'

const options = { features: [invitationsFeature] }

describeEndpoint(getInvitation, {
  as: 'session',
  given: (tenant) => invite(tenant),
  call: ({ orgId, id }) => ({ params: { orgId, invitationId: id } }),
  world: options,
})

describe('getting an invitation', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it.each([
    ['admin', 200],
    ['member', 403],
    ['viewer', 403],
  ] as const)('answers a %s with %i', async (role, status) => {
    const tenant = await world.tenant()
    const { id } = await invite(tenant)
    expect(
      (await (await addPerson(world, tenant, role)).send(`GET /api/orgs/${tenant.orgId}/invitations/${id}`)).status,
    ).toBe(status)
  })

  it('works without the link if the key that sealed the link was removed', async () => {
    const tenant = await world.tenant()
    const { id, email } = await invite(tenant)
    await world.platform.db
      .updateTable('invitations')
      .set({ encrypted_token: '9.AAAA' })
      .where('email', '=', email)
      .execute()
    const { body } = await (await tenant.session()).send(`GET /api/orgs/${tenant.orgId}/invitations/${id}`)
    expect(body).toMatchObject({ id, email, status: 'pending' })
    expect(body).not.toHaveProperty('link')
  })
})
