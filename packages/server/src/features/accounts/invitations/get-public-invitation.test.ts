import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { addPerson } from '../members/testing/person.ts'
import { getPublicInvitation } from './get-public-invitation.ts'
import { invitationsFeature } from './index.ts'
import { newToken } from './invitation.ts'
import { invite } from './testing/invited.ts'

const start = new Date('2026-03-21T09:30:00.000Z')
let now = start
const options = { features: [invitationsFeature], clock: { now: () => now } }

describeEndpoint(getPublicInvitation, {
  given: (tenant) => invite(tenant),
  call: ({ token }) => ({ params: { token } }),
  world: { features: options.features },
})

describe('viewing an invitation by its token', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('shows the inviter, the invited address, the organization, and whether an account will be created', async () => {
    const tenant = await world.tenant()
    const guest = await addPerson(world, tenant, 'stranger')
    const [known, unknown] = [await invite(tenant, { email: guest.email, role: 'admin' }), await invite(tenant)]
    expect((await world.send(`GET /api/invitations/${unknown.token}`)).body).toEqual({
      email: unknown.email,
      orgName: 'Test Org',
      role: 'member',
      inviterName: 'Test Owner',
      expiresAt: '2026-03-28T09:30:00.000Z',
      isNewUser: true,
    })
    expect((await world.send(`GET /api/invitations/${known.token}`)).body).toMatchObject({
      email: guest.email,
      role: 'admin',
      isNewUser: false,
    })
  })

  it('answers 404 to an invalid token, and 410 after the expiry', async () => {
    const { token } = await invite(await world.tenant())
    for (const other of [newToken(), 'nonsense', `${token}x`, token.toLowerCase()]) {
      expectProblem(getPublicInvitation, await world.send(`GET /api/invitations/${other}`), 'invitation-not-found')
    }
    now = new Date(start.getTime() + 7 * 86_400_000)
    expectProblem(getPublicInvitation, await world.send(`GET /api/invitations/${token}`), 'invitation-expired')
  })

  it('keeps the token out of the log and out of the problem', async () => {
    const token = newToken()
    const answer = await world.send(`GET /api/invitations/${token}`)
    expect(answer.body.instance).toBe('/api/invitations/[redacted]')
    expect(world.logLines.join('\n')).not.toContain(token)
  })
})
