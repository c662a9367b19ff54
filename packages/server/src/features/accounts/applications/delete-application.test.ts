import { access, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import type { Send } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { filesFeature, sweepBlobs } from '../../execution/files/index.ts'
import { removeAll } from '../removals/testing/remove-all.ts'
import { deleteApplication } from './delete-application.ts'
import { applicationsFeature } from './index.ts'
import { addEndUser, countRows, fillApplication, tablesWith } from './testing/fill-application.ts'

const options = { features: [applicationsFeature, filesFeature] }

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

  it('deletes its rows from every table except its history, and stops its API keys immediately', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    await fillApplication(world, tenant)
    await fillApplication(world, {
      ...tenant,
      ...sibling,
      endUser: () => addEndUser(world, { ...tenant, ...sibling }),
    })
    const tables = await tablesWith(world, 'application_id')
    const count = (value: string) => countRows(world, tables, { column: 'application_id', value })
    expect(Object.entries(await count(sibling.applicationId)).filter(([, rows]) => rows === 0)).toEqual([])
    const ofDefault = await count(tenant.applicationId)
    expect((await sibling.send('GET /api/applications')).status).toBe(200)
    expect((await (await tenant.session()).send(`DELETE /api/applications/${sibling.appId}`)).status).toBe(204)
    expect((await sibling.send('GET /api/applications')).status).toBe(401)
    await removeAll(world)
    // The audit log belongs to the organization.
    expect(Object.entries(await count(sibling.applicationId)).filter(([, rows]) => rows !== 0)).toEqual([
      ['audit_log', 1],
    ])
    expect(await count(tenant.applicationId)).toEqual(ofDefault)
    expect((await tenant.send('GET /api/applications')).body.data).toHaveLength(1)
  })

  it('leaves the content of its files to the sweep job, which removes it', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    const upload = async (send: Send) => {
      const rawBody = new FormData()
      rawBody.append('file', new File(['content'], 'a.txt'))
      const id = parseWireId('file', (await send('POST /api/files', { rawBody })).body.id) ?? ''
      const path = join(world.platform.config.DATA_DIR, 'blobs', id.slice(-2), id)
      const old = new Date(Date.now() - 7_200_000)
      await utimes(path, old, old)
      return path
    }
    const [gone, kept] = [await upload(sibling.send), await upload(tenant.send)]
    expect((await (await tenant.session()).send(`DELETE /api/applications/${sibling.appId}`)).status).toBe(204)
    await removeAll(world)
    await sweepBlobs(world.platform)
    await expect(access(gone)).rejects.toThrow('ENOENT')
    await access(kept)
  })

  it('keeps the default application', async () => {
    const tenant = await world.tenant()
    expectProblem(
      deleteApplication,
      await tenant.send(`DELETE /api/applications/${tenant.appId}`),
      'default-application',
    )
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
      // The foreign key of a new run takes this lock.
      await tx.selectFrom('applications').select('id').where('id', '=', sibling.applicationId).forKeyShare().execute()
      const deletion = send(`DELETE /api/applications/${sibling.appId}`)
      expect(await Promise.race([deletion, new Promise((resolve) => setTimeout(resolve, 150, 'still waiting'))])).toBe(
        'still waiting',
      )
      await tx.updateTable('runs').set({ status: 'pending' }).where('id', '=', run.id).execute()
      // The promise is wrapped: awaiting the deletion inside the transaction would be a deadlock.
      return { answer: deletion }
    })
    expectProblem(deleteApplication, await answer, 'application-in-use')
  })
})
