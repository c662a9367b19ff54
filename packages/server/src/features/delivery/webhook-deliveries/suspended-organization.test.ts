import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startReceiver, type Receiver } from './testing/receiver.ts'
import { openDeliveryWorld, type DeliveryWorld } from './testing/delivery-world.ts'

describe('the webhooks of a suspended organization', () => {
  let world: DeliveryWorld
  let receiver: Receiver
  beforeAll(async () => {
    receiver = await startReceiver()
    world = await openDeliveryWorld()
  })
  afterAll(async () => {
    await world.close()
    await receiver.close()
  })

  it('pause: what happens is sent when it is resumed, and those of others go on', async () => {
    const { db, wake } = world.platform
    const [suspended, other] = [await world.tenant(), await world.tenant()]
    const events = { events: ['run.completed'] }
    await world.webhook(suspended, `${receiver.url}/suspended`, events)
    await world.webhook(other, `${receiver.url}/other`, events)
    const [run, ofOther] = [await world.run(suspended), await world.run(other)]
    const pathsOf = () => receiver.received.map(({ path }) => path)
    await db
      .insertInto('organization_suspensions')
      .values({ organization_id: suspended.organizationId, reason: 'Unpaid.' })
      .execute()
    await world.publish(run, 'run.completed')
    await world.publish(ofOther, 'run.completed')
    await expect.poll(pathsOf, { timeout: 15_000 }).toEqual(['/hook/other'])
    await sql`delete from organization_suspensions`.execute(db)
    wake.wake('deliveries', '')
    await expect.poll(pathsOf, { timeout: 15_000 }).toEqual(['/hook/other', '/hook/suspended'])
  })
})
