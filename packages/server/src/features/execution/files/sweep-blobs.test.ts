import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BlobMissing } from '../../../platform/blobs/blob-directory.ts'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { filesFeature, sweepBlobs } from './index.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ features: [filesFeature] })
})
afterAll(() => world.close())

const pathOf = (id: string) => join(world.platform.config.DATA_DIR, 'blobs', id.slice(-2), id)

async function makeBlob(ageMinutes: number): Promise<string> {
  const id = newUuid()
  await world.platform.blobs.write(id, Readable.from([Buffer.from('x')]), 10)
  const time = new Date(Date.now() - ageMinutes * 60_000)
  await utimes(pathOf(id), time, time)
  return id
}

it('removes blobs without a row that are older than an hour, and nothing else', async () => {
  const tenant = await world.tenant()
  const rawBody = new FormData()
  rawBody.append('file', new File(['kept'], 'kept.txt'))
  const { body } = await tenant.send('POST /api/files', { rawBody })
  const old = new Date(Date.now() - 7_200_000)
  await utimes(pathOf(parseWireId('file', body.id) ?? ''), old, old)
  const orphans = [await makeBlob(61), await makeBlob(600)]
  const young = await makeBlob(59)
  const stray = join(world.platform.config.DATA_DIR, 'blobs', young.slice(-2), 'notes.txt')
  await writeFile(stray, 'not ours')
  await utimes(stray, old, old)

  expect(await sweepBlobs(world.platform)).toBe(2)

  for (const id of orphans) await expect(world.platform.blobs.read(id)).rejects.toThrow(BlobMissing)
  expect((await tenant.send(`GET /api/files/${body.id}/content`)).text).toBe('kept')
  await buffer(await world.platform.blobs.read(young))
  expect(await sweepBlobs(world.platform)).toBe(0)
})

it('handles more blobs than one batch holds', async () => {
  for (let made = 0; made < 20; made += 1) await Promise.all(Array.from({ length: 26 }, () => makeBlob(90)))
  expect(await sweepBlobs(world.platform)).toBe(520)
})
