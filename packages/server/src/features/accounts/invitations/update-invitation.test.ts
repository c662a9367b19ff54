import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { addPerson } from '../members/testing/person.ts'
import { invitationsFeature } from './index.ts'
import { invite } from './testing/invited.ts'
import { updateInvitation } from './update-invitation.ts'

const options = { features: [invitationsFeature] }

describeEndpoint(updateInvitation, {
  as: 'session',
  given: (tenant) => invite(tenant),
  call: ({ orgId, id }) => ({ params: { orgId, invitationId: id }, body: { role: 'viewer' } }),
  world: options,
})

describe("changing an invitation's role", () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('keeps the link, and records the role before and after in the audit log', async () => {
    const tenant = await world.tenant()
    const invited = await invite(tenant)
    const answer = await (await tenant.session()).send(`PATCH /api/orgs/${tenant.orgId}/invitations/${invited.id}`, {
      body: { role: 'admin' },
    })
    expect(answer.body).toMatchObject({ id: invited.id, role: 'admin', link: invited.link })
    expect((await world.send(`GET /api/invitations/${invited.token}`)).body.role).toBe('admin')
    const requestId = String(answer.headers.get('request-id'))
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .select(['resource_id', 'changes'])
      .where('request_id', '=', requestId)
      .executeTakeFirst()
    expect(entry).toEqual({ resource_id: invited.id, changes: { role: { before: 'member', after: 'admin' } } })
  })

  it('answers 409 if it is not pending, 404 to an unknown invitation, and 422 to the role owner', async () => {
    const tenant = await world.tenant()
    const [invited, foreign] = [await invite(tenant), await invite(await world.tenant())]
    const { send } = await tenant.session()
    const change = (id: string, role = 'viewer') =>
      send(`PATCH /api/orgs/${tenant.orgId}/invitations/${id}`, { body: { role } })
    expectProblem(updateInvitation, await change(invited.id, 'owner'), 'validation-error')
    await send(`DELETE /api/orgs/${tenant.orgId}/invitations/${invited.id}`)
    expectProblem(updateInvitation, await change(invited.id), 'invitation-not-pending')
    for (const id of [foreign.id, newWireId('inv')])
      expectProblem(updateInvitation, await change(id), 'invitation-not-found')
    expect((await world.send(`GET /api/invitations/${foreign.token}`)).body.role).toBe('member')
  })

  it.each([
    ['admin', 200],
    ['member', 403],
    ['viewer', 403],
  ] as const)('answers a %s with %i', async (role, status) => {
    const tenant = await world.tenant()
    const { id } = await invite(tenant)
    expect(
      (
        await (
          await addPerson(world, tenant, role)
        ).send(`PATCH /api/orgs/${tenant.orgId}/invitations/${id}`, { body: { role: 'viewer' } })
      ).status,
    ).toBe(status)
  })
})
