import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BlobMissing } from '../../../platform/blobs/blob-directory.ts'
import { parseWireId } from '../../../platform/ids/id.ts'
import { describeEndpoint, expectProblem } from '../../../testing/describe-endpoint.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import type { RunStatus } from '../runs/index.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { deleteFile } from './delete-file.ts'
import { findFiles, filesFeature } from './index.ts'

const options = { features: [filesFeature] }

async function upload(tenant: Tenant): Promise<string> {
  const rawBody = new FormData()
  rawBody.append('file', new File(['x'], 'x.txt'))
  return String((await tenant.send('POST /api/files', { rawBody })).body.id)
}

describeEndpoint(deleteFile, { given: upload, call: (fileId) => ({ params: { fileId } }), world: options })

describe('deleting a file', () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld(options)
    tenant = await world.tenant()
  })
  afterAll(() => world.close())

  const giveToRun = async (fileId: string, status: RunStatus) => {
    const run = await insertRun(world.platform, tenant, { status })
    const input = {
      application_id: tenant.applicationId,
      run_id: run.id,
      file_id: parseWireId('file', fileId) ?? '',
      name: 'x.txt',
    }
    await world.platform.db.insertInto('run_inputs').values(input).execute()
  }

  it('removes the row and the content', async () => {
    const fileId = await upload(tenant)
    expect((await tenant.send(`DELETE /api/files/${fileId}`)).status).toBe(204)
    expect((await tenant.send(`GET /api/files/${fileId}`)).status).toBe(404)
    expectProblem(deleteFile, await tenant.send(`DELETE /api/files/${fileId}`), 'file-not-found')
    await expect(world.platform.blobs.read(parseWireId('file', fileId) ?? '')).rejects.toThrow(BlobMissing)
  })

  it.each(['pending', 'running', 'waiting'] as const)('answers 409 while a %s run uses it as input', async (status) => {
    const fileId = await upload(tenant)
    await giveToRun(fileId, status)
    expectProblem(deleteFile, await tenant.send(`DELETE /api/files/${fileId}`), 'file-in-use')
    expect((await tenant.send(`GET /api/files/${fileId}/content`)).text).toBe('x')
  })

  it.each(['success', 'failed', 'timeout', 'cancelled'] as const)(
    'deletes the input of a run that ended as %s',
    async (status) => {
      const fileId = await upload(tenant)
      await giveToRun(fileId, status)
      expect((await tenant.send(`DELETE /api/files/${fileId}`)).status).toBe(204)
    },
  )

  it('waits for a transaction that attaches the file to a run, and then refuses', async () => {
    const fileId = await upload(tenant)
    const id = parseWireId('file', fileId) ?? ''
    const run = await insertRun(world.platform, tenant)
    const { answer } = await world.platform.db.transaction().execute(async (tx) => {
      expect(await findFiles(tx, tenant.scope, [id])).toHaveLength(1)
      const deletion = tenant.send(`DELETE /api/files/${fileId}`)
      const early = await Promise.race([deletion, new Promise((resolve) => setTimeout(resolve, 150, 'still waiting'))])
      expect(early).toBe('still waiting')
      await tx
        .insertInto('run_inputs')
        .values({ application_id: tenant.applicationId, run_id: run.id, file_id: id, name: 'x.txt' })
        .execute()
      // Wrapped in an object: awaiting the deletion inside the transaction would deadlock.
      return { answer: deletion }
    })
    expectProblem(deleteFile, await answer, 'file-in-use')
  })
})
