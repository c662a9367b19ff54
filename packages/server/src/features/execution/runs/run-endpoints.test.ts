import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { createAgent } from '../../../testing/factories/agent.ts'
import { connectModel } from '../../../testing/factories/model.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openRunWorld, type RunWorld } from '../../../testing/factories/run-world.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { World } from '../../../testing/world.ts'
import { addRunFile } from '../files/index.ts'
import { cancelRun } from './cancel-run.ts'
import { deleteRun } from './delete-run.ts'
import { getRun } from './get-run.ts'
import { listRunLogs } from './list-run-logs.ts'
import { listRuns } from './list-runs.ts'

// These worlds have no worker, so a run stays pending.
async function pendingRun(tenant: Tenant, { platform }: World): Promise<string> {
  await connectModel(platform, tenant, { url: 'http://127.0.0.1:9', scenario: 'hello' })
  const answer = await tenant.send('POST /api/runs', { body: { agentId: await createAgent(tenant) } })
  return String(answer.body.id)
}

async function cancelledRun(tenant: Tenant, world: World): Promise<string> {
  const id = await pendingRun(tenant, world)
  await tenant.send(`POST /api/runs/${id}/cancel`)
  return id
}

describeEndpoint(getRun, { given: pendingRun, call: (runId) => ({ params: { runId } }) })
describeEndpoint(listRunLogs, { given: pendingRun, call: (runId) => ({ params: { runId } }) })
describeEndpoint(listRuns, { given: pendingRun, call: () => ({}) })
describeEndpoint(cancelRun, { given: pendingRun, call: (runId) => ({ params: { runId } }) })
describeEndpoint(deleteRun, { given: cancelledRun, call: (runId) => ({ params: { runId } }) })

describe('runs', () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld()
  })
  afterAll(() => world.close())

  it('are listed newest first, by agent and status, by page and by cursor', async () => {
    const actor = await world.actor('hello')
    const other = await createAgent(actor)
    const ids: string[] = []
    for (let index = 0; index < 5; index += 1) ids.unshift(String((await actor.runToEnd()).body.id))
    await actor.runToEnd({ agentId: other })
    const list = async (query: Record<string, string | number>) => (await actor.send('GET /api/runs', { query })).body
    expect((await list({ agentId: actor.agentId })).data.map((run: { id: string }) => run.id)).toEqual(ids)
    expect((await list({ agentId: actor.agentId, page: 2, pageSize: 2 })).pagination).toMatchObject({
      page: 2,
      pageSize: 2,
      total: 5,
      totalPages: 3,
    })
    const first = await list({ agentId: actor.agentId, pageSize: 2 })
    const second = await list({ agentId: actor.agentId, pageSize: 3, after: first.pagination.nextCursor })
    expect([...first.data, ...second.data].map((run: { id: string }) => run.id)).toEqual(ids)
    expect(second.pagination.nextCursor).toBeNull()
    expect((await list({ status: 'cancelled' })).pagination.total).toBe(0)
    expect((await list({ page: 50 })).data).toEqual([])
    expect(Object.keys(first.data[0])).not.toContain('output')
    expectProblem(listRuns, await actor.send('GET /api/runs', { query: { after: 'x' } }), 'validation-error')
    expectProblem(listRuns, await actor.send('GET /api/runs', { query: { status: 'ended' } }), 'validation-error')
  })

  it('are visible to their end-user, and to no other end-user', async () => {
    const actor = await world.actor('hello')
    const [mine, theirs] = [await actor.endUser(), await actor.endUser()]
    const started = await actor.sendAs(mine)('POST /api/runs', { body: { agentId: actor.agentId } })
    expect(started.body.endUserId).toBe(mine)
    const path = `/api/runs/${started.body.id}`
    expect((await actor.sendAs(mine)(`GET ${path}`)).status).toBe(200)
    for (const route of [`GET ${path}`, `GET ${path}/logs`, `POST ${path}/cancel`, `DELETE ${path}`]) {
      expectProblem(undefined, await actor.sendAs(theirs)(route), 'run-not-found')
    }
    expect((await actor.sendAs(theirs)('GET /api/runs')).body.pagination.total).toBe(0)
  })

  it('are final once they have ended', async () => {
    const actor = await world.actor('hello')
    const { body } = await actor.runToEnd()
    expectProblem(cancelRun, await actor.send(`POST /api/runs/${body.id}/cancel`), 'run-already-finished')
    expect((await actor.send(`GET /api/runs/${body.id}`)).body.status).toBe('success')
  })

  it('keep their output files while another run uses them as input', async () => {
    const actor = await world.actor('long-wait')
    const maker = await insertRun(world.platform, actor, { status: 'success' })
    const made = []
    for (const path of ['charts/a.csv', 'a.csv'])
      made.push(
        await addRunFile(world.platform, { ...maker, runId: maker.id }, { path, content: Readable.from(['1']) }),
      )
    const { body: taker, ...started } = await actor.start({ files: made.map(({ id }) => toWireId('file', id)) })
    expect(started.status, started.text).toBe(202)
    expectProblem(deleteRun, await actor.send(`DELETE /api/runs/${maker.wireId}`), 'file-in-use')
    expect((await actor.send(`GET /api/runs/${maker.wireId}/files`)).body.pagination.total).toBe(2)
    await actor.send(`POST /api/runs/${taker.id}/cancel`)
    expect((await actor.send(`DELETE /api/runs/${maker.wireId}`)).status).toBe(204)
    for (const { id } of made) expect((await actor.send(`GET /api/files/${toWireId('file', id)}`)).status).toBe(404)
  })

  it('can be deleted when they have ended, with their log', async () => {
    const actor = await world.actor('long-wait')
    const { body } = await actor.start()
    expectProblem(deleteRun, await actor.send(`DELETE /api/runs/${body.id}`), 'run-in-progress')
    await actor.send(`POST /api/runs/${body.id}/cancel`)
    expect((await actor.send(`DELETE /api/runs/${body.id}`)).status).toBe(204)
    expectProblem(getRun, await actor.send(`GET /api/runs/${body.id}`), 'run-not-found')
    expectProblem(listRunLogs, await actor.send(`GET /api/runs/${body.id}/logs`), 'run-not-found')
  })
})
