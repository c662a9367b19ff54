import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newWireId } from '../../../../platform/ids/id.ts'
import { openRunWorld, type Actor, type RunWorld } from '../../../../testing/factories/run-world.ts'
import { overrideQuotas } from '../../../accounts/quotas/testing/override-quotas.ts'

let world: RunWorld
beforeAll(async () => {
  world = await openRunWorld({ worker: false, environment: { RATE_LIMIT_RUNS: '20' } })
})
afterAll(() => world.close())

const codeOf = ({ status, body }: { status: number; body: Record<string, unknown> }) =>
  status === 429 ? String(body['type']).split('/').at(-1) : String(status)
const usageOf = async (actor: Actor) => {
  const { send } = await actor.session()
  return (await send(`GET /api/orgs/${actor.orgId}/usage`)).body
}

it('the runs that an organization starts in a minute do not grow with its keys', { timeout: 60_000 }, async () => {
  const [actor, other] = [await world.actor('hello'), await world.actor('hello')]
  const codes: (string | undefined)[] = []
  for (let key = 0; key < 5; key += 1) {
    const { send } = await actor.key()
    for (let start = 0; start < 21; start += 1)
      codes.push(codeOf(await send('POST /api/runs', { body: { agentId: newWireId('agent') } })))
  }
  const count = (code: string) => codes.filter((each) => each === code).length
  expect([count('404'), count('org-run-rate-limited'), count('rate-limited')]).toEqual([60, 40, 5])
  const { send: user } = await actor.session()
  const endUser = actor.sendAs(await actor.endUser())
  for (const send of [actor.send, user, endUser]) {
    const refused = await send('POST /api/runs', { body: { agentId: actor.agentId } })
    expect(refused.body).toMatchObject({
      quota: 'runsPerMinute',
      limit: 60,
      detail: expect.stringContaining('60 runs'),
    })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  }
  expect((await usageOf(actor)).runsPerMinute).toEqual({ limit: 60, used: 60, source: 'default' })
  expect((await other.start()).status).toBe(202)
  await overrideQuotas(world, actor, { runsPerMinute: 1_000 })
  expect((await actor.start()).status).toBe(202)
})

it('a repeated start with the same idempotency key counts once', async () => {
  const actor = await world.actor('hello')
  await overrideQuotas(world, actor, { runsPerMinute: 1 })
  const start = (key: string) =>
    actor.send('POST /api/runs', { body: { agentId: actor.agentId }, headers: { 'idempotency-key': key } })
  const first = await start('a')
  expect([first.status, (await start('a')).body.id]).toEqual([202, first.body.id])
  await sql`delete from idempotency_keys`.execute(world.platform.db)
  expect((await start('a')).status).toBe(202)
  expect((await usageOf(actor)).runsPerMinute.used).toBe(1)
  expect(codeOf(await start('b'))).toBe('org-run-rate-limited')
  await overrideQuotas(world, actor, { runsPerMinute: 2 })
  expect((await start('b')).status).toBe(202)
})

it('unfinished runs are limited exactly, by whatever way many start at the same time', async () => {
  const [actor, other] = [await world.actor('hello'), await world.actor('hello')]
  await overrideQuotas(world, actor, { unfinishedRuns: 10 })
  const { send: user } = await actor.session()
  const schedule = await actor.send('POST /api/schedules', {
    body: { agentId: actor.agentId, cronExpression: '0 0 1 1 *', enabled: false },
  })
  const starts = [
    () => actor.start(),
    () => user('POST /api/runs', { body: { agentId: actor.agentId } }),
    () => actor.send(`POST /api/agents/${actor.agentId}/run`),
    () => actor.send(`POST /api/schedules/${schedule.body.id}/run`),
  ]
  const answers = await Promise.all(Array.from({ length: 5 }, () => starts.map((start) => start())).flat())
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(10)
  const [refused] = answers.filter(({ status }) => status === 429)
  expect(refused?.body).toMatchObject({
    type: 'https://appstrate.dev/errors/org-run-concurrency-exceeded',
    quota: 'unfinishedRuns',
    limit: 10,
  })
  expect(await usageOf(actor)).toMatchObject({ unfinishedRuns: { limit: 10, used: 10 }, concurrentRuns: { used: 0 } })
  expect((await other.start()).status).toBe(202)
  const cancelled = answers.find(({ status }) => status === 202)?.body.id
  expect((await actor.send(`POST /api/runs/${cancelled}/cancel`)).status).toBeLessThan(300)
  expect((await user('POST /api/runs', { body: { agentId: actor.agentId } })).status).toBe(202)
})
