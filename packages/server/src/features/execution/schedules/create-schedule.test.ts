import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newWireId, parseWireId, toWireId } from '../../../platform/ids/id.ts'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { createSchedule } from './create-schedule.ts'
import { schedulesMax } from './schedule.ts'
import { makeSchedule, readyTenant, testClock, type Ready } from './testing/schedule-tests.ts'

describe('createSchedule', () => {
  const clock = testClock('2026-03-28T12:34:56.789Z')
  let world: World
  let ready: Ready
  beforeAll(async () => {
    world = await openWorld({ clock })
    ready = await readyTenant(world, {
      input: { type: 'object', required: ['city'], properties: { city: { type: 'string' } } },
    })
  })
  afterAll(() => world.close())

  const create = (fields: object = {}) =>
    ready.send('POST /api/schedules', {
      body: { agentId: ready.agentId, cronExpression: '30 2 * * *', input: { city: 'Bonn' }, ...fields },
    })
  const errorsOf = async (fields: object) => {
    const answer = await create(fields)
    expectProblem(createSchedule, answer, 'validation-error')
    return answer.body.errors
  }

  it('returns the schedule with its defaults and its next fire', async () => {
    const answer = await create()
    expect(answer.status, answer.text).toBe(201)
    expect(answer.headers.get('location')).toBe(`/api/schedules/${answer.body.id}`)
    const now = '2026-03-28T12:34:56.789Z'
    expect(answer.body).toEqual({
      id: answer.body.id,
      agentId: ready.agentId,
      agent: expect.stringMatching(/^@[a-z0-9-]+\/agent-\d+$/),
      name: null,
      enabled: true,
      cronExpression: '30 2 * * *',
      timezone: 'UTC',
      input: { city: 'Bonn' },
      config: {},
      modelId: null,
      version: null,
      budget: null,
      endUserId: null,
      missedFires: 'skip',
      overlap: 'allow',
      jitterSeconds: 0,
      nextRunAt: '2026-03-29T02:30:00.000Z',
      lastRunAt: null,
      createdAt: now,
      updatedAt: now,
    })
    expect((await ready.send(`GET /api/schedules/${answer.body.id}`)).body).toEqual(answer.body)
  })

  it('accepts every field that it returns, and evaluates the expression in the time zone', async () => {
    const model = await world.platform.db
      .selectFrom('models')
      .select('id')
      .where('organization_id', '=', ready.organizationId)
      .executeTakeFirstOrThrow()
    const modelId = toWireId('model', model.id)
    const fields = {
      name: 'Nightly',
      enabled: false,
      timezone: 'Europe/Berlin',
      config: { a: 1 },
      version: '1.0.0',
      budget: '0.50',
      missedFires: 'run-all',
      overlap: 'queue',
      jitterSeconds: 60,
    }
    const answer = await create({ ...fields, cronExpression: ' 30  2 * * * ', modelId })
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body).toMatchObject({
      ...fields,
      modelId,
      budget: '0.5',
      cronExpression: '30 2 * * *',
      nextRunAt: null,
    })
    const enabled = await ready.send(`PATCH /api/schedules/${answer.body.id}`, { body: { enabled: true } })
    // 02:30 does not exist on that day in Berlin.
    expect(enabled.body.nextRunAt).toBe('2026-03-29T01:00:00.000Z')
  })

  it('reports all mistakes at once', async () => {
    expect(await errorsOf({ cronExpression: '* * * * * *', timezone: 'Mars/Olympus', input: { city: 7 } })).toEqual([
      {
        pointer: '/cronExpression',
        message: 'has 6 fields, but needs exactly 5: minute, hour, day of month, month, day of week',
        code: 'cron',
      },
      { pointer: '/timezone', message: 'is not an IANA time zone such as Europe/Berlin or UTC', code: 'timezone' },
      { pointer: '/input/city', message: 'must be string', code: 'type' },
    ])
    expect(await errorsOf({ cronExpression: '@reboot' })).toMatchObject([{ pointer: '/cronExpression' }])
    expect(await errorsOf({ cronExpression: '0 0 30 2 *' })).toEqual([
      { pointer: '/cronExpression', message: 'never fires: there is no such day', code: 'cron' },
    ])
    expect(
      (await errorsOf({ overlap: 'never', missedFires: 'x', jitterSeconds: 3601, budget: '0' }))
        .map(({ pointer }: { pointer: string }) => pointer)
        .sort(),
    ).toEqual(['/budget', '/jitterSeconds', '/missedFires', '/overlap'])
  })

  it('requires an existing agent, version and model', async () => {
    const stranger = await readyTenant(world)
    expectProblem(createSchedule, await create({ agentId: newWireId('agent') }), 'agent-not-found')
    expectProblem(createSchedule, await create({ agentId: stranger.agentId }), 'agent-not-found')
    expectProblem(createSchedule, await create({ version: '9.9.9' }), 'agent-version-not-found')
    expectProblem(createSchedule, await create({ modelId: newWireId('model') }), 'model-not-found')
    expectProblem(
      createSchedule,
      await ready.send(`POST /api/agents/${newWireId('agent')}/schedules`, { body: { cronExpression: '@daily' } }),
      'agent-not-found',
    )
  })

  it('belongs only to the end-user for whom it is created', async () => {
    const [mine, theirs] = [await ready.endUser(), await ready.endUser()]
    const id = await makeSchedule({ send: ready.sendAs(mine), agentId: ready.agentId }, { input: { city: 'Ulm' } })
    expect((await ready.sendAs(mine)(`GET /api/schedules/${id}`)).body).toMatchObject({ id, endUserId: mine })
    expect((await ready.send(`GET /api/schedules/${id}`)).status).toBe(200)
    const path = `/api/schedules/${id}`
    for (const route of [
      `GET ${path}`,
      `PATCH ${path}`,
      `DELETE ${path}`,
      `POST ${path}/run`,
      `GET ${path}/preview`,
      `GET ${path}/runs`,
      `GET ${path}/fires`,
    ]) {
      expectProblem(
        undefined,
        await ready.sendAs(theirs)(route, route.startsWith('PATCH') ? { body: {} } : {}),
        'schedule-not-found',
      )
    }
    expect((await ready.sendAs(mine)('GET /api/schedules')).body.data.map((each: { id: string }) => each.id)).toEqual([
      id,
    ])
    expect((await ready.sendAs(theirs)('GET /api/schedules')).body.data).toEqual([])
  })

  it("encrypts the content of an end-user's schedule, and keeps it out of the audit log", async () => {
    const mine = await ready.endUser()
    const content = { name: 'Call my doctor', input: { city: 'Bonn am Rhein' }, config: { tone: 'gentle' } }
    const id = await makeSchedule({ send: ready.sendAs(mine), agentId: ready.agentId }, content)
    const changed = await ready.sendAs(mine)(`PATCH /api/schedules/${id}`, {
      body: { input: { city: 'Ulm an der Donau' } },
    })
    expect(changed.body).toMatchObject({ ...content, input: { city: 'Ulm an der Donau' } })
    const query = { include: 'input,config', pageSize: 1 }
    expect((await ready.send('GET /api/schedules', { query })).body.data).toMatchObject([changed.body])
    const row = await world.platform.db
      .selectFrom('schedules')
      .selectAll()
      .where('id', '=', parseWireId('sched', id) ?? '')
      .executeTakeFirstOrThrow()
    const entries = await world.platform.db.selectFrom('audit_log').selectAll().where('resource_id', '=', id).execute()
    expect(entries).toHaveLength(2)
    expect(JSON.stringify([row, entries])).not.toMatch(/doctor|Rhein|gentle|Donau/)
    const run = await ready.sendAs(mine)(`POST /api/schedules/${id}/run`)
    expect(run.status, run.text).toBe(202)
    expect(run.body).toMatchObject({ endUserId: mine, input: { city: 'Ulm an der Donau' }, config: content.config })
  })

  it("stores a session's user as the user of its runs, and none for an API key", async () => {
    const { send } = await ready.session()
    const id = await makeSchedule({ send, agentId: ready.agentId }, { input: { city: 'Ulm' } })
    const userOf = async (wireId: string) =>
      (
        await world.platform.db
          .selectFrom('schedules')
          .select('user_id')
          .where('id', '=', parseWireId('sched', wireId) ?? '')
          .executeTakeFirstOrThrow()
      ).user_id
    expect(await userOf(id)).toBe(ready.userId)
    expect(await userOf((await create()).body.id)).toBeNull()
  })

  it('records the new schedule in the audit log, without the content of its runs', async () => {
    const { body } = await create({ name: 'Audited', input: { city: 'a secret place' } })
    const entry = await world.platform.db
      .selectFrom('audit_log')
      .select(['action', 'changes'])
      .where('resource_id', '=', body.id)
      .executeTakeFirstOrThrow()
    expect(entry).toMatchObject({
      action: 'schedule.created',
      changes: { name: { before: null, after: 'Audited' }, input: { before: null, after: '***' } },
    })
    expect(JSON.stringify(entry)).not.toContain('secret place')
  })

  it('refuses more than the maximum per application, even when several are created at once', async () => {
    const full = await readyTenant(world)
    const agentId = parseWireId('agent', full.agentId) ?? ''
    await sql`
      insert into schedules (id, organization_id, application_id, agent_id, cron, timezone, missed_fires, overlap)
      select gen_random_uuid(), ${full.organizationId}, ${full.applicationId}, ${agentId},
        '@daily', 'UTC', 'skip', 'allow'
      from generate_series(1, ${schedulesMax - 2})`.execute(world.platform.db)
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        full.send('POST /api/schedules', { body: { agentId: full.agentId, cronExpression: '@daily' } }),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409, 409])
    for (const answer of answers.filter(({ status }) => status === 409))
      expectProblem(createSchedule, answer, 'too-many-schedules')
    const sibling = await readyTenant(world)
    expect(
      (
        await sibling.send('POST /api/schedules', {
          body: { agentId: await createAgent(sibling), cronExpression: '@daily' },
        })
      ).status,
    ).toBe(201)
  })
})
