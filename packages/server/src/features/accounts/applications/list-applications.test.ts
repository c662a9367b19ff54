import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeEndpoint } from '../../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { applicationsFeature } from './index.ts'
import { listApplications } from './list-applications.ts'

const options = { features: [applicationsFeature] }

describeEndpoint(listApplications, { given: async () => undefined, call: () => ({}), world: options })

describe('listing applications', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld(options)
  })
  afterAll(() => world.close())

  it('pages through the applications of the organization, newest first', async () => {
    const tenant = await world.tenant()
    await world.tenant()
    const sibling = await tenant.sibling()
    const { send } = await tenant.session()
    const first = await send('GET /api/applications', { query: { pageSize: 1 } })
    expect(first.body.data.map(({ id }: { id: string }) => id)).toEqual([sibling.appId])
    expect(first.body.pagination).toMatchObject({ page: 1, pageSize: 1, total: 2, totalPages: 2 })
    const second = await send('GET /api/applications', { query: { pageSize: 1, page: 2 } })
    expect(second.body.data.map(({ id }: { id: string }) => id)).toEqual([tenant.appId])
    expect((await send('GET /api/applications', { query: { page: 3 } })).body.data).toEqual([])
  })

  it('shows an API key only its own application', async () => {
    const tenant = await world.tenant()
    const sibling = await tenant.sibling()
    const own = await tenant.send('GET /api/applications')
    expect(own.body.data.map(({ id }: { id: string }) => id)).toEqual([tenant.appId])
    expect(own.body.pagination.total).toBe(1)
    expect((await sibling.send('GET /api/applications')).body.data.map(({ id }: { id: string }) => id)).toEqual([
      sibling.appId,
    ])
  })
})
