import { Type } from 'typebox'
import { endpoint, created, ok } from '../platform/http/endpoint.ts'
import { feature } from '../platform/http/feature.ts'
import { wire, WireId } from '../platform/http/wire.ts'
import { newWireId } from '../platform/ids/id.ts'
import { describeEndpoint } from './describe-endpoint.ts'

const ToyWire = wire('Toy', { id: WireId('toy'), name: Type.String() })

const createToy = endpoint({
  route: 'POST /api/toys',
  summary: 'Create a toy',
  caller: 'application',
  permission: 'agents:write',
  limit: 'create',
  idempotency: 'supported',
  audit: 'toy.created',
  body: Type.Object({ name: Type.String({ minLength: 1 }) }),
  returns: { 201: ToyWire },
  fails: [],
  handle: ({ body, changeOnce }) =>
    changeOnce(async () => ({ id: newWireId('toy'), name: body.name }), {
      describe: (made) => made.id,
      reply: (made) => created(made, `/api/toys/${made.id}`),
    }),
})

const listToys = endpoint({
  route: 'GET /api/toys',
  summary: 'List toys',
  caller: 'application',
  permission: 'agents:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: { color: Type.Optional(Type.String()) },
  returns: { 200: Type.Object({ color: Type.String() }) },
  fails: [],
  handle: async ({ query }) => ok({ color: query.color ?? 'red' }),
})

const toys = feature({
  folder: 'catalog/toys',
  tag: 'Toys',
  description: 'A feature for this test.',
  endpoints: { createToy, listToys },
  isKept: { toy: () => Promise.resolve(true) },
})

describeEndpoint(createToy, {
  given: async () => ({}),
  call: () => ({ body: { name: 'ball' } }),
  world: { features: [toys] },
})
describeEndpoint(listToys, {
  given: async () => ({}),
  call: () => ({ query: { color: 'blue' } }),
  world: { features: [toys] },
})
