import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { deleteApplication } from './delete-application.ts'
import { applicationsFeature } from './index.ts'

const options = { features: [applicationsFeature] }

describeEndpoint(deleteApplication, {
  as: 'session',
  given: async (tenant) => (await tenant.sibling()).appId,
  call: (applicationId) => ({ params: { applicationId } }),
  world: options,
})

describe('deleting an application', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('takes everything in it along, and its API keys stop working at once', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    await insertRun(world.platform, { ...tenant, ...sibling }, { status: 'success' })
    expect((await sibling.send('GET /api/applications')).status).toBe(200)
    expect((await (await tenant.session()).send(`DELETE /api/applications/${sibling.appId}`)).status).toBe(204)
    expect((await sibling.send('GET /api/applications')).status).toBe(401)
    for (const table of ['api_keys', 'runs', 'application_packages'] as const) {
      expect(await world.platform.db.selectFrom(table).select('id').where('application_id', '=', sibling.applicationId).execute(), table).toEqual([])
    }
    expect((await tenant.send('GET /api/applications')).body.data).toHaveLength(1)
  })

  it('keeps the default application', async () => {
    const tenant = await world.tenant()
    expectProblem(deleteApplication, await tenant.send(`DELETE /api/applications/${tenant.appId}`), 'default-application')
    expect((await tenant.send(`GET /api/applications/${tenant.appId}`)).status).toBe(200)
  })

  it.each(['pending', 'running', 'waiting'] as const)('is refused while a run is %s', async (status) => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    await insertRun(world.platform, { ...tenant, ...sibling }, { status })
    const { send } = await tenant.session()
    expectProblem(deleteApplication, await send(`DELETE /api/applications/${sibling.appId}`), 'application-in-use')
    expect((await send(`GET /api/applications/${sibling.appId}`)).status).toBe(200)
  })

  it('waits for a transaction that is starting a run, and then refuses', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    const run = await insertRun(world.platform, { ...tenant, ...sibling }, { status: 'success' })
    const { send } = await tenant.session()
    const { answer } = await world.platform.db.transaction().execute(async (tx) => {
      // What the foreign key of a new run does.
      await tx.selectFrom('applications').select('id').where('id', '=', sibling.applicationId).forKeyShare().execute()
      const deletion = send(`DELETE /api/applications/${sibling.appId}`)
      expect(await Promise.race([deletion, new Promise((resolve) => setTimeout(resolve, 150, 'still waiting'))])).toBe('still waiting')
      await tx.updateTable('runs').set({ status: 'pending' }).where('id', '=', run.id).execute()
      // Wrapped: awaiting the deletion in the transaction would wait for itself.
      return { answer: deletion }
    })
    expectProblem(deleteApplication, await answer, 'application-in-use')
  })
})
