import { afterAll, beforeAll, expect, it } from 'vitest'
import { openWorld, type World } from '../../testing/world.ts'

const connectionsMax = 10

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

it('slow requests of an organization leave connections to others', async () => {
  const [flood, calm] = [await world.tenant(), await world.tenant()]
  for (const { send } of [flood, calm]) expect((await send('GET /api/webhooks')).status).toBe(200)
  const { background } = world.platform.database
  const holder = await background.pool.connect()
  await holder.query('begin; lock table runs')
  const answered: string[] = []
  const floods = Array.from({ length: connectionsMax * 4 }, async () => {
    await flood.send('GET /api/runs')
    answered.push('flood')
  })
  try {
    const waiting = async () =>
      (await background.pool.query(`select from pg_locks where relation = 'runs'::regclass and not granted`)).rowCount
    await expect.poll(waiting).toBeGreaterThan(connectionsMax / 2)
    // With no connection left, this would wait until the others give up.
    expect((await calm.send('GET /api/webhooks')).status).toBe(200)
    expect(answered).toEqual([])
  } finally {
    await holder.query('rollback')
    holder.release()
  }
  await Promise.all(floods)
})
