import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { filesFeature } from './index.ts'
import { listFiles } from './list-files.ts'

const options = { features: [filesFeature] }

describeEndpoint(listFiles, {
  given: async () => ({}),
  call: () => ({ query: { page: 1, pageSize: 2 } }),
  world: options,
})

describe('the list of files', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('returns the files of one application in pages, newest first', async () => {
    const [tenant, other] = [await world.tenant(), await world.tenant()]
    for (const name of ['1.txt', '2.txt', '3.txt']) {
      const rawBody = new FormData()
      rawBody.append('file', new File([name], name))
      expect((await tenant.send('POST /api/files', { rawBody })).status).toBe(201)
    }
    const first = await tenant.send('GET /api/files', { query: { pageSize: 2 } })
    expect(first.body.data).toMatchObject([{ name: '3.txt' }, { name: '2.txt' }])
    expect(first.body.pagination).toMatchObject({ page: 1, pageSize: 2, total: 3, totalPages: 2 })
    const second = await tenant.send('GET /api/files', { query: { page: 2, pageSize: 2 } })
    expect(second.body.data).toMatchObject([{ name: '1.txt' }])
    expect((await other.send('GET /api/files')).body.data).toEqual([])
  })
})
