import { afterAll, beforeAll, expect, it } from 'vitest'
import { createAgent } from '../../../testing/factories/agent.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { plainSeal } from '../../accounts/end-users/index.ts'
import { getInstalledAgent } from '../../catalog/agents/index.ts'
import { recordFailedRun } from './index.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

it('leaves a run that has failed with its reasons, its log, and an event for others', async () => {
  const tenant = await world.tenant()
  const reference = await createAgent(tenant)
  const installed = await getInstalledAgent(world.platform.db, tenant.scope, { reference, version: undefined })
  const error = {
    code: 'run-not-ready',
    message: 'The run can not start: no model.',
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
