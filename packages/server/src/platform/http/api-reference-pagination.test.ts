import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { features } from '../../features/index.ts'
import { expectProblem } from '../../testing/describe-endpoint.ts'
import { openWorld, type World } from '../../testing/world.ts'
import { createPermissions } from '../access/permissions.ts'
import { makeToys } from './testing/toys.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ features: [...features, makeToys().feature] })
})
afterAll(() => world.close())

const lists = features
  .flatMap(({ endpoints }) => Object.entries(endpoints))
  .filter(
    ([, { query, params = {}, caller, permission }]) =>
      query !== undefined &&
      'pageSize' in query &&
      Object.keys(params).length === 0 &&
      caller !== 'user' &&
      createPermissions(features).isGrantable(permission),
  )

describe('Pagination', () => {
  it('"List endpoints use offset-based pagination": "page=2&pageSize=20"', async () => {
    const tenant = await world.tenant()
    const { body } = await tenant.send('GET /api/toys?page=2&pageSize=20')
    expect(body.data).toHaveLength(20)
    expect([body.data[0], body.data[19]]).toEqual([{ name: 'toy 27' }, { name: 'toy 8' }])
  })

  it('"Response shape": data, and pagination with page, pageSize, total and totalPages', async () => {
    const tenant = await world.tenant()
    const { body } = await tenant.send('GET /api/toys?page=2&pageSize=20')
    expect(Object.keys(body)).toEqual(['data', 'pagination'])
    expect(body.pagination).toEqual({ page: 2, pageSize: 20, total: 47, totalPages: 3, nextCursor: '8' })
  })

  it('returns page 1 of 20 by default, and no data after the end', async () => {
    const tenant = await world.tenant()
    expect((await tenant.send('GET /api/toys')).body.pagination).toEqual({
      page: 1,
      pageSize: 20,
      total: 47,
      totalPages: 3,
      nextCursor: '28',
    })
    expect((await tenant.send('GET /api/toys?page=3')).body.data).toHaveLength(7)
    expect((await tenant.send('GET /api/toys?page=4')).body).toEqual({
      data: [],
      pagination: { page: 4, pageSize: 20, total: 47, totalPages: 3, nextCursor: null },
    })
    expect((await tenant.send('GET /api/toys?pageSize=100')).body.data).toHaveLength(47)
    expect((await tenant.send('GET /api/toys?page=1000000')).body.data).toEqual([])
  })

  it.each([
    'page=0',
    'page=-1',
    'page=1.5',
    'page=x',
    'page=',
    'page=1000001',
    'page=1e99',
    'pageSize=0',
    'pageSize=101',
    'pageSize=NaN',
    'page=1&page=2',
    'pagesize=3',
    'page[]=1',
  ])('answers 422 to ?%s and points at the parameter', async (query) => {
    const tenant = await world.tenant()
    const answer = await tenant.send(`GET /api/toys?${query}`)
    expectProblem(undefined, answer, 'validation-error')
    expect(answer.body.errors[0].pointer).toBe(`query/${query.split('=')[0]}`)
  })

  it('reports every wrong parameter at once', async () => {
    const tenant = await world.tenant()
    const { body } = await tenant.send('GET /api/toys?page=0&pageSize=0&x=1')
    const errors: { pointer: string }[] = body.errors
    expect(errors.map(({ pointer }) => pointer).sort()).toEqual(['query/page', 'query/pageSize', 'query/x'])
  })

  it.each(lists)(
    '%s conforms: an empty tenant gets the shape, and an invalid page is refused',
    async (_id, endpoint) => {
      const tenant = await world.tenant()
      const answer = await tenant.send(endpoint.route, { headers: { 'x-org-id': tenant.orgId } })
      expect(answer.body, answer.text).toMatchObject({
        data: expect.any(Array),
        pagination: { page: 1, pageSize: 20, total: expect.any(Number), totalPages: expect.any(Number) },
      })
      expectProblem(endpoint, await tenant.send(`${endpoint.route}?pageSize=101`), 'validation-error')
    },
  )
})
