import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Tenant } from '../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { newUuid } from '../ids/id.ts'
import type { OutboxEvent, OutboxReader } from './outbox.ts'
import { relayEvents } from './relay-events.job.ts'

const signal = new AbortController().signal

describe('the relay of the outbox', () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld()
    tenant = await world.tenant()
  })
  beforeEach(() => world.platform.db.deleteFrom('outbox').execute())
  afterAll(() => world.close())

  const write = async (type: string, runId: string | null = null) => {
    const { organizationId, applicationId } = tenant
    await world.platform.db
      .insertInto('outbox')
      .values({
        organization_id: organizationId,
        application_id: applicationId,
        run_id: runId,
        type,
        payload: JSON.stringify({ type }),
      })
      .execute()
  }
  const left = async () =>
    (await world.platform.db.selectFrom('outbox').select('type').orderBy('id').execute()).map(({ type }) => type)
  const collecting = (refuse: (event: OutboxEvent) => boolean = () => false) => {
    const seen: string[] = []
    const committed: string[] = []
    const reader: OutboxReader = {
      name: 'collector',
      async read(tx, events) {
        if (events.some(refuse)) throw new Error('I do not take this.')
        // The writes of a reader commit with the removal, or not at all.
        for (const { type } of events)
          await sql`
            insert into verifications (id, identifier, value, expires_at)
            values (${newUuid()}, 'relay', ${type}, now())`.execute(tx)
        seen.push(...events.map(({ type }) => type))
      },
      committed: (_platform, events) => void committed.push(...events.map(({ type }) => type)),
    }
    return { reader, seen, committed }
  }

  it('passes every event once, in order, with its data', async () => {
    const { reader, seen, committed } = collecting()
    for (const type of ['one', 'two', 'three']) await write(type)
    expect(await relayEvents([reader]).run(world.platform, signal)).toBe(false)
    expect(await relayEvents([reader]).run(world.platform, signal)).toBe(false)
    expect(seen).toEqual(['one', 'two', 'three'])
    expect(committed).toEqual(seen)
    expect(await left()).toEqual([])
  })

  it('asks for another round after a full batch', async () => {
    const { reader, seen } = collecting()
    const { organizationId, applicationId } = tenant
    await sql`insert into outbox (organization_id, application_id, type, payload)
      select ${organizationId}, ${applicationId}, 'many', '{}' from generate_series(1, 600)`.execute(world.platform.db)
    const { run } = relayEvents([reader])
    expect([await run(world.platform, signal), await run(world.platform, signal)]).toEqual([true, false])
    expect(seen).toHaveLength(600)
  })

  it('passes an event to every reader, or to none', async () => {
    const [first, second] = [collecting(), collecting(() => true)]
    await write('whole')
    await relayEvents([first.reader, second.reader]).run(world.platform, signal)
    expect([await left(), first.committed, second.committed]).toEqual([['whole'], [], []])
    const kept = await world.platform.db
      .selectFrom('verifications')
      .select('value')
      .where('value', '=', 'whole')
      .execute()
    expect(kept).toEqual([])
  })

  it('skips an event that a reader refuses, and withholds the later ones of its run', async () => {
    const [bad, good] = [newUuid(), newUuid()]
    let isBroken = true
    const { reader, seen } = collecting(({ type }) => isBroken && type === 'bad')
    for (const [type, runId] of [
      ['before', good],
      ['bad', bad],
      ['after the bad', bad],
      ['another', good],
      ['of no run', null],
    ] as const)
      await write(type, runId)
    await relayEvents([reader]).run(world.platform, signal)
    expect(seen).toEqual(['before', 'another', 'of no run'])
    expect(await left()).toEqual(['bad', 'after the bad'])
    expect(
      world.logLines.filter((line) => line.includes(bad) && line.includes('will be retried in the next round')),
    ).toHaveLength(1)
    isBroken = false
    await relayEvents([reader]).run(world.platform, signal)
    expect(seen.slice(3)).toEqual(['bad', 'after the bad'])
  })

  it('withholds only itself when an event without a run is refused', async () => {
    const { reader, seen, committed } = collecting(({ type }) => type === 'bad')
    for (const type of ['bad', 'good', 'better']) await write(type)
    await relayEvents([reader]).run(world.platform, signal)
    expect([seen, committed, await left()]).toEqual([['good', 'better'], ['good', 'better'], ['bad']])
  })

  it('runs in one process at a time, so that no event is passed twice', async () => {
    const { reader, seen } = collecting()
    for (let n = 0; n < 50; n += 1) await write(`event ${n}`)
    await Promise.all(Array.from({ length: 6 }, () => relayEvents([reader]).run(world.platform, signal)))
    expect(seen).toHaveLength(50)
    expect(new Set(seen).size).toBe(50)
  })
})
