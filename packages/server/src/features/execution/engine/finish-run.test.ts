import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import { parseWireId } from '../../../platform/ids/id.ts'

describe('what others are told of a run', () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld()
  })
  afterAll(() => world.close())

  const told = (runId: string) =>
    world.platform.db
      .selectFrom('outbox')
      .select(['type', 'payload', 'agent_id', 'end_user_id'])
      .where('run_id', '=', parseWireId('run', runId) ?? '')
      .orderBy('id')
      .execute()

  it('is written with each change of its status, in order, as its readers see it', async () => {
    const actor = await world.actor('hello')
    const run = (await actor.runToEnd()).body
    expect(run.status).toBe('success')
    const events = await told(run.id)
    expect(events.map(({ type }) => type)).toEqual(['run.started', 'run.completed'])
    const { input: _input, config: _config, metadata: _metadata, output: _output, report: _report, ...summary } = run
    expect(events[1]).toEqual({
      type: 'run.completed',
      payload: summary,
      agent_id: parseWireId('agent', run.agentId),
      end_user_id: null,
    })
  })

  it('names the end-user', async () => {
    const actor = await world.actor('hello')
    const endUser = await actor.endUser()
    const started = await actor.sendAs(endUser)('POST /api/runs', {
      body: { agentId: actor.agentId },
      headers: { prefer: 'wait=60' },
    })
    expect((await told(started.body.id)).map(({ end_user_id }) => end_user_id)).toEqual([
      parseWireId('eu', endUser),
      parseWireId('eu', endUser),
    ])
  })

  it('is a failure or a cancellation when it was one', async () => {
    const broken = await world.actor('no-such-scenario')
    const failed = (await broken.runToEnd()).body
    expect((await told(failed.id)).map(({ type }) => type)).toEqual(['run.started', 'run.failed'])
    const slow = await world.actor('long-wait')
    const running = (await slow.start()).body
    expect((await slow.send(`POST /api/runs/${running.id}/cancel`)).status).toBe(200)
    expect((await told(running.id)).map(({ type }) => type).at(-1)).toBe('run.cancelled')
  })
})
