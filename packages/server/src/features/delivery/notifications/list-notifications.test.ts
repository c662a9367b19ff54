import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { countUnread } from './count-unread.ts'
import { countUnreadByAgent } from './count-unread-by-agent.ts'
import { listNotifications } from './list-notifications.ts'
import { addMember, messagesOf, notify, options, unreadOf } from './testing/notification-tests.ts'

const given = async () => undefined
for (const endpoint of [listNotifications, countUnread, countUnreadByAgent])
  describeEndpoint(endpoint, { given, call: () => ({}), world: options })

describe('notifications', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  const storedIdOf = (endUser: string) => parseWireId('eu', endUser) ?? ''

  it('are visible to their recipients, and to no other tenant', async () => {
    const [tenant, stranger] = [await world.tenant(), await world.tenant()]
    const [owner, member] = [await tenant.session(), await addMember(world, tenant)]
    const [endUser, other] = [await tenant.endUser(), await tenant.endUser()]
    const sibling = await tenant.sibling()
    await notify(world, tenant, { message: 'to the owner', userId: tenant.userId })
    await notify(world, tenant, { message: 'to the member', userId: member.userId })
    await notify(world, tenant, { message: 'to the end-user', endUserId: storedIdOf(endUser) })
    await notify(world, tenant, { message: 'to everyone' })
    expect(await messagesOf(owner.send)).toEqual(['to everyone', 'to the owner'])
    expect(await messagesOf(member.send)).toEqual(['to everyone', 'to the member'])
    expect(await messagesOf(tenant.send)).toEqual(['to everyone'])
    expect(await messagesOf(tenant.sendAs(endUser))).toEqual(['to the end-user'])
    expect(await messagesOf(tenant.sendAs(other))).toEqual([])
    expect(await messagesOf(stranger.send)).toEqual([])
    expect(await messagesOf(sibling.send)).toEqual([])
    expect(
      await Promise.all(
        [owner.send, member.send, tenant.send, tenant.sendAs(endUser), tenant.sendAs(other), sibling.send].map(
          unreadOf,
        ),
      ),
    ).toEqual([2, 2, 1, 1, 0, 0])
  })

  it('are returned with all fields, and their own id', async () => {
    const tenant = await world.tenant()
    await notify(world, tenant, { message: 'A webhook was disabled.' })
    const { body } = await tenant.send('GET /api/notifications')
    expect(body).toEqual({
      data: [
        {
          id: expect.stringMatching(/^ntf_[0-9a-z]{26}$/),
          type: 'webhook.disabled',
          message: 'A webhook was disabled.',
          runId: null,
          agentId: null,
          read: false,
          createdAt: expect.stringMatching(/^20.*Z$/),
        },
      ],
      pagination: { page: 1, pageSize: 20, total: 1, totalPages: 1, nextCursor: null },
    })
  })

  it('are paged by number and by cursor, also when two kinds of recipients alternate', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    for (let n = 0; n < 7; n += 1)
      await notify(world, tenant, { message: String(n), ...(n % 2 === 0 ? { userId: tenant.userId } : {}) })
    const seen: string[] = []
    let after: string | null = null
    do {
      const query: Record<string, string | number> = after === null ? { pageSize: 3 } : { pageSize: 3, after }
      const { data, pagination } = (await send('GET /api/notifications', { query })).body
      expect(pagination.total).toBe(after === null ? 7 : undefined)
      seen.push(...data.map(({ message }: { message: string }) => message))
      after = pagination.nextCursor
    } while (after !== null)
    expect(seen).toEqual(['6', '5', '4', '3', '2', '1', '0'])
    expect(await messagesOf(send, { page: 2, pageSize: 3 })).toEqual(['3', '2', '1'])
    expect(await messagesOf(send, { page: 4, pageSize: 3 })).toEqual([])
    expectProblem(
      listNotifications,
      await send('GET /api/notifications', { query: { after: 'run_01jq5x3v7kf8hb2m9w4tcd6e1n' } }),
      'validation-error',
    )
  })

  it('are counted by agent, without those that have no agent', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const [first, second] = ['01936b2a-0000-7000-8000-000000000001', '01936b2a-0000-7000-8000-000000000002']
    for (const agentId of [first, second, first]) await notify(world, tenant, { agentId, userId: tenant.userId })
    await notify(world, tenant)
    const { counts } = (await send('GET /api/notifications/unread-counts-by-agent')).body
    expect(Object.keys(counts).every((id) => id.startsWith('agent_'))).toBe(true)
    expect(Object.values(counts).sort()).toEqual([1, 2])
    expect((await tenant.send('GET /api/notifications/unread-counts-by-agent')).body).toEqual({ counts: {} })
  })

  it('are counted up to a thousand while unread, and listed without this limit', async () => {
    const tenant = await world.tenant()
    const { organizationId, applicationId } = tenant
    await sql`
      insert into notifications (id, organization_id, application_id, type, message)
      select gen_random_uuid(), ${organizationId}, ${applicationId}, 'webhook.disabled', 'x'
      from generate_series(1, 1100)`.execute(world.platform.db)
    expect(await unreadOf(tenant.send)).toBe(1000)
    expect((await tenant.send('GET /api/notifications')).body.pagination.total).toBe(1100)
    const last = (await tenant.send('GET /api/notifications', { query: { page: 11, pageSize: 100 } })).body
    expect(last.data).toHaveLength(100)
  })
})
