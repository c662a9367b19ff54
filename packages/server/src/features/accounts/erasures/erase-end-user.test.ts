import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { eventually, openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'
import { openSse } from '../../delivery/realtime/testing/sse-stream.ts'
import { eraseEndUser } from './erase-end-user.ts'
import { getErasure } from './get-erasure.ts'
import { countRows, findTraces } from './testing/find-traces.ts'
import { leavingActor, runOnFile } from './testing/leave-everything.ts'

describeEndpoint(eraseEndUser, {
  given: (tenant) => tenant.endUser(),
  call: (endUserId) => ({ params: { endUserId } }),
})
describeEndpoint(getErasure, {
  async given(tenant) {
    const endUserId = await tenant.endUser()
    await tenant.send(`DELETE /api/end-users/${endUserId}`)
    return endUserId
  },
  call: (endUserId) => ({ params: { endUserId } }),
})

describe('erasing an end-user', () => {
  let world: RunWorld
  let actor: Actor
  beforeAll(async () => {
    world = await openRunWorld()
    actor = await leavingActor(world)
  })
  afterAll(() => world.close())
  const erase = (eu: string, on: Pick<Actor, 'send'> = actor) => on.send(`DELETE /api/end-users/${eu}`)
  const uuidOf = (eu: string) => parseWireId('eu', eu) ?? ''
  const ofEndUser = (eu: string) => sql<boolean>`end_user_id = ${uuidOf(eu)}`

  it('keeps only empty runs for billing, and reports what it did', { timeout: 60_000 }, async () => {
    const created = await actor.send('POST /api/end-users', {
      body: { name: 'Erased Ursula', email: 'ursula@example.com', externalId: 'ursula' },
    })
    const eu = String(created.body.id)
    const [send, other] = [actor.sendAs(eu), await actor.endUser()]
    const { run, runId, fileId } = await runOnFile(send, actor.agentId, 'ERASED-MARK')
    const kept = await runOnFile(actor.sendAs(other), actor.agentId, 'KEPT-MARK')
    const schedule = await send('POST /api/schedules', {
      body: { agentId: actor.agentId, cronExpression: '0 0 1 1 *', name: 'Yearly' },
    })
    expect(schedule.status, schedule.text).toBe(201)
    const events = await countRows(world, 'run_events', sql<boolean>`run_id = ${parseWireId('run', runId)}`)
    const answer = await erase(eu)
    expect(answer.status, answer.text).toBe(200)
    const expected = {
      endUserId: eu,
      erasedAt: expect.any(String),
      status: 'erased',
      runs: { anonymised: 1, cancelled: 0 },
      runEvents: { deleted: events },
      files: { deleted: 2, bytes: 2 * 'ERASED-MARK\n'.length * 20_000 },
      schedules: { deleted: 1 },
      notifications: { deleted: 0 },
      webhookEvents: { deleted: 0 },
      connections: { deleted: 0 },
      dataKey: 'destroyed',
    }
    // Nouns that this test does not fill may add fields of their own.
    expect(Object.fromEntries(Object.keys(expected).map((field) => [field, answer.body[field]]))).toEqual(expected)
    for (const text of ['ERASED-MARK', 'Ursula', 'ursula']) expect(await findTraces(world, text)).toEqual([])
    for (const table of ['runs', 'run_events', 'files', 'schedules', 'end_user_keys', 'outbox'])
      expect(await countRows(world, table, ofEndUser(eu)), table).toBe(0)
    expect((await actor.send(`GET /api/end-users/${eu}/erasure`)).body).toEqual({
      endUserId: eu,
      status: 'erased',
      erasure: answer.body,
    })
    const after = (await actor.send(`GET /api/runs/${runId}`)).body
    expect(after).toEqual({ ...run, endUserId: null, input: {}, config: {}, metadata: {}, output: null, report: null })
    expect((await actor.send(`GET /api/runs/${runId}/logs`)).body.data).toEqual([])
    for (const gone of [`GET /api/end-users/${eu}`, `GET /api/files/${fileId}`, `GET /api/files/${fileId}/content`])
      expect((await actor.send(gone)).status, gone).toBe(404)
    expectProblem(eraseEndUser, await erase(eu), 'end-user-not-found')
    expectProblem(undefined, await send(`GET /api/runs/${runId}`), 'invalid-end-user')
    expect((await actor.sendAs(other)(`GET /api/runs/${kept.runId}`)).body).toEqual(kept.run)
  })

  it('cancels their runs, stops the worker, ends their streams, and reports the end of the runs anonymously', {
    timeout: 60_000,
  }, async () => {
    const waiting = await world.actor('long-wait')
    const eu = await waiting.endUser()
    const { body } = await waiting.sendAs(eu)('POST /api/runs', {
      body: { agentId: waiting.agentId, input: { note: 'CANCELLED-MARK' } },
    })
    await eventually(async () =>
      (await waiting.send(`GET /api/runs/${body.id}`)).body.status === 'running' ? true : undefined,
    )
    const hers = await openSse(`${world.url}/api/realtime/runs?token=${waiting.apiKey}&endUser=${eu}`)
    const ofTheRun = await openSse(`${world.url}/api/realtime/runs/${body.id}?token=${waiting.apiKey}`)
    await ofTheRun.until(() => ofTheRun.runEvents.length >= 2)
    expect((await erase(eu, waiting)).body.runs).toEqual({ anonymised: 1, cancelled: 1 })
    await Promise.all([hers.closed(10_000), ofTheRun.closed(10_000)])
    expect(ofTheRun.runEvents.at(-1)?.data).toMatchObject({ status: 'cancelled', endUserId: null })
    await eventually(async () => (world.activeRuns() === 0 ? true : undefined), 10_000)
    expect((await waiting.send(`GET /api/runs/${body.id}`)).body).toMatchObject({
      status: 'cancelled',
      endUserId: null,
      input: {},
      error: { code: 'cancelled' },
    })
    const outbox = await world.platform.db
      .selectFrom('outbox')
      .select(['type', 'end_user_id', 'payload'])
      .where('run_id', '=', parseWireId('run', body.id) ?? '')
      .orderBy('id')
      .execute()
    expect(
      outbox.map(({ type, end_user_id: endUserId, payload }) => [type, endUserId, Object(payload).endUserId]),
    ).toEqual([
      ['run.started', null, null],
      ['run.cancelled', null, null],
    ])
    expect(await findTraces(world, 'CANCELLED-MARK')).toEqual([])
  })

  it('leaves no run, file or schedule that was created at the same time', { timeout: 90_000 }, async () => {
    for (let round = 0; round < 4; round += 1) {
      const eu = await actor.endUser()
      const send = actor.sendAs(eu)
      const form = () => {
        const data = new FormData()
        data.set('file', new Blob(['RACED-MARK']), 'RACED-MARK.txt')
        return data
      }
      const start = () => send('POST /api/runs', { body: { agentId: actor.agentId, input: { note: 'RACED-MARK' } } })
      const upload = () => send('POST /api/files', { rawBody: form() })
      const plan = () =>
        send('POST /api/schedules', {
          body: { agentId: actor.agentId, cronExpression: '0 0 1 1 *', input: { note: 'RACED-MARK' } },
        })
      const answers = await Promise.all([
        start(),
        upload(),
        start(),
        erase(eu),
        start(),
        plan(),
        upload(),
        start(),
        erase(eu),
      ])
      expect(answers.filter(({ status }) => status === 500).map(({ text }) => text)).toEqual([])
      expect(
        answers.flatMap(({ body, status }) => (status === 200 && body.dataKey === 'destroyed' ? [body.endUserId] : [])),
      ).toEqual([eu])
      for (const table of ['runs', 'files', 'schedules', 'end_user_keys', 'notifications'])
        expect(await countRows(world, table, ofEndUser(eu)), table).toBe(0)
    }
    await eventually(async () => (world.activeRuns() === 0 ? true : undefined), 30_000)
    expect(await findTraces(world, 'RACED-MARK')).toEqual([])
  })

  it('is shown as not begun for an end-user who exists', async () => {
    const eu = await actor.endUser()
    const { body } = await actor.send(`GET /api/end-users/${eu}/erasure`)
    expect(body).toEqual({ endUserId: eu, status: 'none' })
  })

  it('works on behalf of the end-user, if the key has the permission', async () => {
    const [me, other] = [await actor.endUser(), await actor.endUser()]
    expectProblem(eraseEndUser, await actor.sendAs(me)(`DELETE /api/end-users/${other}`), 'end-user-not-found')
    expect((await actor.sendAs(me)(`DELETE /api/end-users/${me}`)).status).toBe(200)
  })
})
