import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../../platform/ids/id.ts'
import { eventually } from '../../../../testing/factories/run-world.ts'
import { openWorld, type World } from '../../../../testing/world.ts'
import { fireAll, makeSchedule, readyTenant, testClock, type Ready } from '../testing/schedule-tests.ts'
import { restUntilDue } from './fire-due.ts'

/** Makes `count` copies of a schedule, each due at the given moment. */
async function copySchedule(
  { platform: { db } }: World,
  { id, count, nextRunAt }: { id: string; count: number; nextRunAt: Date },
): Promise<void> {
  const original = parseWireId('sched', id) ?? ''
  await sql`
    insert into schedules (
      id, organization_id, application_id, agent_id, cron, timezone, missed_fires, overlap, next_run_at, due_at
    )
    select gen_random_uuid(), organization_id, application_id, agent_id, cron, timezone, missed_fires, overlap,
      ${nextRunAt}, ${nextRunAt}
    from schedules, generate_series(1, ${count}) where id = ${original}`.execute(db)
}

/** Counts the schedules, runs, fires and audit entries of the database. */
async function tally({ platform: { db } }: World) {
  const { rows } = await sql<{
    schedules: number
    runs: number
    fires: number
    entries: number
    most: number
    loose: number
  }>`
    select (select count(*) from schedules) as schedules, (select count(*) from runs) as runs,
      (select count(*) from schedule_fires) as fires,
      (select count(*) from audit_log where action = 'schedule.fired') as entries,
      (select coalesce(max(n), 0) from (select count(*) as n from runs group by schedule_id) as per) as most,
      (select count(*) from schedule_fires f where not exists (
        select from runs r
        where r.id = f.run_id and r.schedule_id = f.schedule_id and r.scheduled_for = f.scheduled_for
      )) as loose
  `.execute(db)
  return rows[0]
}

describe('several processes that fire at once', () => {
  const clock = testClock('2026-03-21T09:30:00.000Z')
  let world: World
  let ready: Ready
  let id: string
  beforeAll(async () => {
    world = await openWorld({ clock })
  })
  beforeEach(async () => {
    clock.set('2026-03-21T09:30:00.000Z')
    await sql`truncate schedules, runs, audit_log cascade`.execute(world.platform.db)
    ready = await readyTenant(world)
    id = await makeSchedule(ready)
    await sql`truncate audit_log`.execute(world.platform.db)
  })
  afterAll(() => world.close())

  it('start exactly one run for each of 200 schedules', async () => {
    await copySchedule(world, { id, count: 199, nextRunAt: new Date('2026-03-21T10:00:00Z') })
    clock.set('2026-03-21T10:00:01.000Z')
    const fired = await Promise.all(Array.from({ length: 4 }, () => fireAll(world)))
    expect(fired.reduce((sum, each) => sum + each, 0)).toBe(200)
    expect(await tally(world)).toEqual({ schedules: 200, runs: 200, fires: 200, entries: 200, most: 1, loose: 0 })
  })

  it('start each run of a hundred missed fires once', async () => {
    await ready.send(`PATCH /api/schedules/${id}`, { body: { missedFires: 'run-all', cronExpression: '*/10 * * * *' } })
    await sql`truncate audit_log`.execute(world.platform.db)
    clock.set('2026-03-22T02:05:00.000Z')
    await Promise.all(Array.from({ length: 4 }, () => fireAll(world)))
    expect(await tally(world)).toMatchObject({ schedules: 1, runs: 99, fires: 99, entries: 99, loose: 0 })
  })

  it('sleep until the next schedule is due, and are woken by a change', async () => {
    const rest = (restMaxMs: number, signal = new AbortController().signal) =>
      restUntilDue(world.platform, { fired: 0, isMore: false }, { restMaxMs, signal })
    // An earlier wake-up, or one from another world on the same Redis, also ends the sleep.
    await eventually(async () => ((await rest(60_000)) ? undefined : true))
    clock.set('2026-03-21T09:59:59.950Z')
    expect(await rest(60_000)).toBe(true)
    clock.set('2026-03-21T09:59:00.000Z')
    const resting = rest(120_000)
    await new Promise((resolve) => setTimeout(resolve, 50))
    await makeSchedule(ready)
    expect(await resting).toBe(true)
    const stopping = new AbortController()
    const stopped = rest(120_000, stopping.signal)
    stopping.abort()
    expect(await stopped).toBe(true)
  })
})

describe('processes that are killed while they fire', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterEach(async () => {
    await Promise.all(children.splice(0).map(kill))
  })
  afterAll(() => world.close())

  const children: ChildProcess[] = []
  const start = async (): Promise<ChildProcess> => {
    const { host, port, user, password, database, connectionString } = world.platform.database.pool.options
    const child = fork(
      new URL('../testing/fire-until-killed.ts', import.meta.url),
      [JSON.stringify({ host, port, user, password, database, connectionString })],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    )
    const isReady = await Promise.race([once(child, 'message').then(() => true), once(child, 'exit').then(() => false)])
    if (!isReady) throw new Error('The process did not start.')
    return child
  }
  const kill = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  it('leave every fire with exactly one run', async () => {
    await sql`truncate schedules, runs cascade`.execute(world.platform.db)
    const ready = await readyTenant(world)
    const id = await makeSchedule(ready, { cronExpression: '0 0 29 2 *' })
    for (let n = 0; n < 5; n += 1) children.push(await start())
    await sql`truncate audit_log`.execute(world.platform.db)
    const fired = (count: number) =>
      eventually(async () => (((await tally(world))?.fires ?? 0) >= count ? true : undefined), 60_000)
    for (const [wave, victim] of children.slice(1).entries()) {
      await copySchedule(world, { id, count: 150, nextRunAt: new Date(Math.floor(Date.now() / 1000) * 1000) })
      await fired(wave * 150 + 5)
      await kill(victim)
    }
    await fired(600)
    await Promise.all(children.map(kill))
    expect(await tally(world)).toEqual({ schedules: 601, runs: 600, fires: 600, entries: 600, most: 1, loose: 0 })
  }, 300_000)
})
