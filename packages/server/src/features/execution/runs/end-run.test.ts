import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAgent } from '../../../testing/factories/agent.ts'
import { openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { parseWireId, toWireId } from '../../../platform/ids/id.ts'
import { plainSeal } from '../../accounts/end-users/index.ts'
import { getInstalledAgent } from '../../catalog/agents/index.ts'
import { recordFailedRun } from './index.ts'

describe('the outbox events of a run', () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld()
  })
  afterAll(() => world.close())

  const eventsOf = (runId: string) =>
    world.platform.db
      .selectFrom('outbox')
      .select(['type', 'payload', 'agent_id', 'end_user_id'])
      .where('run_id', '=', parseWireId('run', runId) ?? '')
      .orderBy('id')
      .execute()

  it('are written with each change of its status, in order, with the run as clients see it', async () => {
    const actor = await world.actor('hello')
    const run = (await actor.runToEnd()).body
    expect(run.status).toBe('success')
    const events = await eventsOf(run.id)
    expect(events.map(({ type }) => type)).toEqual(['run.started', 'run.completed'])
    const { input: _input, config: _config, metadata: _metadata, output: _output, report: _report, ...summary } = run
    expect(events[1]).toEqual({
      type: 'run.completed',
      payload: summary,
      agent_id: parseWireId('agent', run.agentId),
      end_user_id: null,
    })
  })

  it('name the end-user', async () => {
    const actor = await world.actor('hello')
    const endUser = await actor.endUser()
    const started = await actor.sendAs(endUser)('POST /api/runs', {
      body: { agentId: actor.agentId },
      headers: { prefer: 'wait=60' },
    })
    expect((await eventsOf(started.body.id)).map(({ end_user_id }) => end_user_id)).toEqual([
      parseWireId('eu', endUser),
      parseWireId('eu', endUser),
    ])
  })

  it('report failures and cancellations', async () => {
    const broken = await world.actor('no-such-scenario')
    const failed = (await broken.runToEnd()).body
    expect((await eventsOf(failed.id)).map(({ type }) => type)).toEqual(['run.started', 'run.failed'])
    const slow = await world.actor('long-wait')
    const running = (await slow.start()).body
    expect((await slow.send(`POST /api/runs/${running.id}/cancel`)).status).toBe(200)
    expect((await eventsOf(running.id)).map(({ type }) => type).at(-1)).toBe('run.cancelled')
  })
})

describe('a failed start', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  it('records a run that cannot start as failed, with its reasons, its log and its outbox event', async () => {
    const tenant = await world.tenant()
    const reference = await createAgent(tenant)
    const installed = await getInstalledAgent(world.platform.db, tenant.scope, { reference, version: undefined })
    const error = {
      code: 'run-not-ready',
      message: 'The run cannot start: no model.',
      reasons: [{ pointer: '/modelId', message: 'is disabled' }],
    }
    const run = await world.platform.db.transaction().execute((tx) =>
      recordFailedRun(tx, tenant.scope, {
        ...installed,
        request: { input: { a: 1 } },
        origin: { userId: null, apiKeyId: null, scheduleId: null, scheduledFor: null },
        error,
        seal: plainSeal,
      }),
    )
    const id = toWireId('run', run.id)
    const shown = (await tenant.send(`GET /api/runs/${id}`)).body
    expect(shown).toMatchObject({
      id,
      status: 'failed',
      error,
      input: { a: 1 },
      modelId: null,
      modelLabel: null,
      startedAt: null,
      duration: null,
    })
    expect(shown.completedAt).not.toBeNull()
    const logs = (await tenant.send(`GET /api/runs/${id}/logs`)).body.data
    expect(logs).toMatchObject([{ event: 'run_completed', level: 'error', message: error.message }])
    const outbox = await world.platform.db
      .selectFrom('outbox')
      .select(['type', 'run_id', 'agent_id', 'payload'])
      .execute()
    expect(outbox).toMatchObject([{ type: 'run.failed', run_id: run.id, payload: { id, status: 'failed', error } }])
  })
})
