import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BlobTooLarge } from '../../../platform/blobs/blob-directory.ts'
import { newUuid, newWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun, type InsertedRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { addRunFile, filesFeature, findFiles } from './index.ts'
import { listRunFiles } from './list-run-files.ts'

const options = { features: [filesFeature], environment: { FILE_SIZE_MAX: '1000' } }
const from = (content: string) => Readable.from([Buffer.from(content)])
const maker = (run: InsertedRun) => ({ ...run, runId: run.id })

describeEndpoint(listRunFiles, {
  given: (tenant, world) => insertRun(world.platform, tenant),
  call: (run) => ({ params: { runId: run.wireId } }),
  world: options,
})

describe('the files of a run', () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld(options)
    tenant = await world.tenant()
  })
  afterAll(() => world.close())
  const list = (run: InsertedRun) => tenant.send(`GET /api/runs/${run.wireId}/files`)
  const blobCount = async () => {
    let count = 0
    for await (const blob of world.platform.blobs.list()) count += blob.id === '' ? 0 : 1
    return count
  }

  it('are what the run left, under their paths, newest first, and can be downloaded', async () => {
    const run = await insertRun(world.platform, tenant)
    await addRunFile(world.platform, maker(run), { path: 'report.md', content: from('# Done') })
    await addRunFile(world.platform, maker(run), { path: 'charts/../totals/2026.csv', content: from('a,1') })
    const { body } = await list(run)
    expect(body.data).toMatchObject([
      { name: 'charts/totals/2026.csv', contentType: 'text/csv', size: 3, runId: run.wireId },
      { name: 'report.md', contentType: 'text/markdown', size: 6, runId: run.wireId },
    ])
    const content = await tenant.send(`GET /api/files/${body.data[0].id}/content`)
    expect(content.text).toBe('a,1')
    expect(content.headers.get('content-disposition')).toContain('filename="2026.csv"')
  })

  it('are replaced when a resumed run writes other content, and stay unchanged for the same content', async () => {
    const run = await insertRun(world.platform, tenant)
    const before = await blobCount()
    const first = await addRunFile(world.platform, maker(run), { path: 'a.txt', content: from('one') })
    expect((await addRunFile(world.platform, maker(run), { path: 'a.txt', content: from('one') })).id).toBe(first.id)
    const second = await addRunFile(world.platform, maker(run), { path: 'a.txt', content: from('two!') })
    expect(second.id).not.toBe(first.id)
    expect((await list(run)).body.data).toMatchObject([{ name: 'a.txt', size: 4 }])
    expect(await blobCount()).toBe(before + 1)
  })

  it('leave no blob when they are too large or their run was deleted', async () => {
    const run = await insertRun(world.platform, tenant)
    const before = await blobCount()
    await expect(
      addRunFile(world.platform, maker(run), { path: 'big', content: from('x'.repeat(1_001)) }),
    ).rejects.toThrow(BlobTooLarge)
    await expect(
      addRunFile(world.platform, { ...maker(run), runId: newUuid() }, { path: 'x', content: from('x') }),
    ).rejects.toThrow('files_application_id_run_id_fkey')
    expect((await list(run)).body.data).toEqual([])
    expect(await blobCount()).toBe(before)
  })

  it('belong to the end-user of the run', async () => {
    const [alice, bob] = [await tenant.endUser(), await tenant.endUser()]
    const run = await insertRun(world.platform, tenant, { endUser: alice })
    const file = await addRunFile(world.platform, maker(run), { path: 'a.txt', content: from('one') })
    expect((await tenant.sendAs(alice)(`GET /api/runs/${run.wireId}/files`)).body.data).toHaveLength(1)
    expectProblem(listRunFiles, await tenant.sendAs(bob)(`GET /api/runs/${run.wireId}/files`), 'run-not-found')
    expect(await findFiles(world.platform.db, { ...tenant.scope, endUserId: newUuid() }, [file.id])).toEqual([])
  })

  it('answer 404 for an unknown run', async () => {
    expectProblem(listRunFiles, await tenant.send(`GET /api/runs/${newWireId('run')}/files`), 'run-not-found')
  })

  it("are found by id in the requested order, without other tenants' files and invalid ids", async () => {
    const run = await insertRun(world.platform, tenant)
    const [a, b] = [
      await addRunFile(world.platform, maker(run), { path: 'a', content: from('a') }),
      await addRunFile(world.platform, maker(run), { path: 'b', content: from('b') }),
    ]
    const found = await findFiles(world.platform.db, tenant.scope, [b.id, '', 'nonsense', newUuid(), a.id, b.id])
    expect(found.map((file) => file.id)).toEqual([b.id, a.id])
    const stranger = await world.tenant()
    expect(await findFiles(world.platform.db, stranger.scope, [a.id])).toEqual([])
  })
})
