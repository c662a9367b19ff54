import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newUuid, newWireId, parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { deleteAgent } from './delete-agent.ts'
import { getPackageVersion } from './index.ts'
import { agentWorld, makeAgent } from './testing/agent-tests.ts'

describeEndpoint(deleteAgent, {
  given: (tenant) => makeAgent(tenant),
  call: ({ id }) => ({ params: { agentId: id } }),
  world: agentWorld,
})

describe('deleteAgent', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(agentWorld)
  })
  afterAll(() => world.close())

  const installationOf = (id: string) =>
    world.platform.db
      .selectFrom('application_packages')
      .selectAll()
      .where('id', '=', parseWireId('agent', id) ?? '')
      .executeTakeFirstOrThrow()
  const insertRun = async (tenant: Tenant, agentId: string, status: 'pending' | 'running' | 'waiting' | 'success') => {
    const { id, package_id, version_id } = await installationOf(agentId)
    const run = {
      id: newUuid(),
      organization_id: tenant.organizationId,
      application_id: tenant.applicationId,
      agent_id: id,
      agent_name: '@a/b',
    }
    await world.platform.db
      .insertInto('runs')
      .values({
        ...run,
        package_id,
        package_version_id: version_id,
        version: '1.0.0',
        status,
        model: '{}',
        timeout_ms: 1000,
      })
      .execute()
    return run.id
  }
  /** Number of statements in this test's database that wait for a lock. */
  const countWaiters = async () => {
    const { rows } = await sql<{ waiting: number }>`
      select count(*) as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(world.platform.db)
    return rows[0]?.waiting ?? 0
  }
  const deleteIt = (tenant: Pick<Tenant, 'send'>, reference: string) =>
    tenant.send(`DELETE /api/agents/${encodeURIComponent(reference)}`)

  it('removes the agent and frees its name', async () => {
    const tenant = await world.tenant()
    const { id, name } = await makeAgent(tenant)
    const answer = await deleteIt(tenant, name)
    expect(answer.status, answer.text).toBe(204)
    expect(answer.text).toBe('')
    for (const reference of [id, encodeURIComponent(name), `${id}/versions`])
      expect((await tenant.send(`GET /api/agents/${reference}`)).status).toBe(404)
    expect((await tenant.send('GET /api/agents')).body.data).toEqual([])
    expectProblem(deleteAgent, await deleteIt(tenant, id), 'agent-not-found')
    const again = await makeAgent(tenant)
    expect(again.name).toBe(name)
    expect(again.id).not.toBe(id)
  })

  it('refuses while a run has not ended', async () => {
    const tenant = await world.tenant()
    const { id } = await makeAgent(tenant)
    for (const status of ['pending', 'running', 'waiting'] as const) {
      const run = await insertRun(tenant, id, status)
      expectProblem(deleteAgent, await deleteIt(tenant, id), 'agent-in-use')
      await world.platform.db.deleteFrom('runs').where('id', '=', run).execute()
    }
    expect((await tenant.send(`GET /api/agents/${id}`)).status).toBe(200)
  })

  it('keeps ended runs and the version that they used', async () => {
    const tenant = await world.tenant()
    const { id } = await makeAgent(tenant)
    const runId = await insertRun(tenant, id, 'success')
    expect((await deleteIt(tenant, id)).status).toBe(204)
    const run = await world.platform.db
      .selectFrom('runs')
      .select('package_version_id')
      .where('id', '=', runId)
      .executeTakeFirstOrThrow()
    expect(await getPackageVersion(world.platform.db, tenant.organizationId, run.package_version_id)).toMatchObject({
      version: '1.0.0',
      prompt: 'Add up the column.',
    })
  })

  it('waits for a run that is being inserted, and then refuses', async () => {
    const tenant = await world.tenant()
    const { id } = await makeAgent(tenant)
    const { package_id, version_id, id: agentId } = await installationOf(id)
    let deletion: ReturnType<typeof deleteIt> | undefined
    await world.platform.db.transaction().execute(async (tx) => {
      const run = {
        id: newUuid(),
        organization_id: tenant.organizationId,
        application_id: tenant.applicationId,
        agent_id: agentId,
        agent_name: '@a/b',
      }
      await tx
        .insertInto('runs')
        .values({
          ...run,
          package_id,
          package_version_id: version_id,
          version: '1.0.0',
          status: 'pending',
          model: '{}',
          timeout_ms: 1000,
        })
        .execute()
      let isAnswered = false
      deletion = deleteIt(tenant, id).finally(() => (isAnswered = true))
      await expect
        .poll(async () => isAnswered || (await countWaiters()) > 0, { timeout: 10_000, interval: 20 })
        .toBe(true)
      expect(isAnswered).toBe(false)
    })
    const answer = await deletion
    expect(answer?.status).toBe(409)
    if (answer !== undefined) expectProblem(deleteAgent, answer, 'agent-in-use')
  })

  it('keeps the name while another application has the package installed', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    const { id } = await makeAgent(tenant)
    const { package_id, version_id, organization_id } = await installationOf(id)
    await world.platform.db
      .insertInto('application_packages')
      .values({ id: newUuid(), organization_id, application_id: sibling.applicationId, package_id, version_id })
      .execute()
    expect((await deleteIt(tenant, id)).status).toBe(204)
    expect((await sibling.send('GET /api/agents')).body.pagination.total).toBe(1)
    const taken = await tenant.send('POST /api/agents', { body: { name: 'csv-totals', displayName: 'x', prompt: 'x' } })
    expectProblem(undefined, taken, 'agent-name-taken')
  })

  it('is hidden from sibling applications and other organizations', async () => {
    const tenant = await world.tenant()
    const { id, name } = await makeAgent(tenant)
    const sibling = await tenant.sibling()
    const stranger = await world.tenant()
    for (const reference of [id, name]) {
      expectProblem(deleteAgent, await deleteIt(sibling, reference), 'agent-not-found')
      expectProblem(deleteAgent, await deleteIt(stranger, reference), 'agent-not-found')
    }
    expect((await tenant.send(`GET /api/agents/${id}`)).status).toBe(200)
  })

  it('is for admins and owners', async () => {
    const member = await world.tenant({ role: 'member' })
    expectProblem(deleteAgent, await deleteIt(member, newWireId('agent')), 'forbidden')
  })
})
