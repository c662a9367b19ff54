import { Type } from 'typebox'
import { newWireId, toWireId } from '../../ids/id.ts'
import { accepted, created, endpoint, largeBodyBytes, noContent, ok, type Endpoint } from '../endpoint.ts'
import { feature, type Feature } from '../feature.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../pagination.ts'
import { numberCursor } from '../../lists/cursor.ts'
import { loadPage, type ListSource } from '../../lists/load-page.ts'
import { problem } from '../../problems/problem.ts'
import { JsonObject, Nothing, wire, WireId } from '../wire.ts'

const idPrefixes = { toy: 'A toy.' } as const

declare module '../../vocabulary/vocabulary.ts' {
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
}

/** One endpoint of each kind, without tables: the tests are about the HTTP pipeline. */
export interface Toys {
  readonly feature: Feature
  readonly endpoints: Readonly<Record<string, Endpoint>>
  /** The names of the toys whose creation has begun. */
  readonly begun: string[]
  /** Blocks the creation of a toy of this name until the returned function is called. */
  hold(name: string): () => void
}

const base = { permission: 'none', limit: 'default', idempotency: 'not-needed', audit: 'none', fails: [] } as const
const ToyWire = wire('Toy', { id: WireId('toy'), name: Type.String() })
const ToyBody = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 2_000_000 }),
  parts: Type.Optional(Type.Array(Type.Object({ color: Type.String() }))),
  size: Type.Optional(Type.Object({ width: Type.Integer({ minimum: 1 }) })),
  details: Type.Optional(JsonObject),
  anything: Type.Optional(Type.Unknown()),
})

const listToys = endpoint({
  ...base,
  route: 'GET /api/toys',
  summary: 'List toys',
  caller: 'application',
  query: pageQuery,
  returns: { 200: pageOf(Type.Object({ name: Type.String() })) },
  async handle({ query }) {
    const page = parsePage(query, numberCursor)
    const numbers = Array.from({ length: 47 }, (_, index) => 47 - index)
    const source: ListSource<number, number> = {
      items: async (start, limit) =>
        'after' in start
          ? numbers.filter((number) => number < start.after).slice(0, limit)
          : numbers.slice(start.offset, start.offset + limit),
      keyOf: (number) => number,
      count: async (max) => Math.min(max, numbers.length),
      estimate: async () => numbers.length,
    }
    return ok(toPageWire(await loadPage(source, page), page, (number) => ({ name: `toy ${number}` })))
  },
})

const getToy = endpoint({
  ...base,
  route: 'GET /api/toys/:toyId',
  summary: 'Get a toy',
  caller: 'application',
  params: { toyId: { id: 'toy', missing: 'not-found' } },
  returns: { 200: ToyWire },
  handle: async ({ params }) => ok({ id: toWireId('toy', params.toyId), name: 'ball' }),
})

const deleteToy = endpoint({
  ...base,
  route: 'DELETE /api/toys/:toyId',
  summary: 'Delete a toy',
  caller: 'application',
  params: { toyId: { id: 'toy', missing: 'not-found' } },
  returns: { 204: Nothing },
  handle: async () => noContent(),
})

const labelToy = endpoint({
  ...base,
  route: 'GET /api/labels/:label',
  summary: 'Look a label up in the database',
  caller: 'application',
  params: { label: { text: 'Any text.' } },
  query: { note: Type.Optional(Type.String()) },
  returns: { 200: Type.Object({ label: Type.String() }) },
  async handle({ params, query, db }) {
    const found = await db
      .selectFrom('users')
      .select('id')
      .where('name', 'in', [params.label, query.note ?? ''])
      .execute()
    return ok({ label: `${params.label} ${found.length}` })
  },
})

const runToy = endpoint({
  ...base,
  route: 'POST /api/toys/:toyId/run',
  summary: 'Run a toy',
  caller: 'application',
  limit: 'runs',
  idempotency: 'supported',
  params: { toyId: { id: 'toy', missing: 'not-found' } },
  body: Type.Object({ speed: Type.Optional(Type.Integer()) }),
  bodyKind: 'optional-json',
  returns: { 202: ToyWire },
  handle: async ({ params }) => accepted({ id: toWireId('toy', params.toyId), name: newWireId('run') }, '/api/runs/x'),
})

const breakToy = endpoint({
  ...base,
  route: 'POST /api/toys/break',
  summary: 'Fail with an unexpected error',
  caller: 'application',
  idempotency: 'supported',
  body: Type.Object({ with: Type.Optional(Type.String()) }),
  returns: { 200: ToyWire },
  async handle({ body }) {
    throw new Error(`connect to db.internal:5432 as postgres failed for ${body.with ?? 'nobody'}`, {
      cause: new Error('the deeper cause'),
    })
  },
})

const uploadToy = endpoint({
  ...base,
  route: 'POST /api/toy-files',
  summary: 'Upload a picture of a toy',
  caller: 'application',
  bodyKind: 'multipart',
  body: Type.Object({ file: Type.String({ format: 'binary' }) }),
  returns: { 200: JsonObject },
  async handle({ request, db }) {
    const part = await request.file()
    part?.file.resume()
    const found = await db
      .selectFrom('users')
      .select('id')
      .where('name', '=', part?.filename ?? '')
      .execute()
    return ok({ found: found.length })
  },
})

const organizationToy = endpoint({
  ...base,
  route: 'GET /api/organization-toys',
  summary: 'See what an organization sees',
  caller: 'organization',
  returns: { 200: JsonObject },
  handle: async ({ scope }) => ok({ ...scope }),
})
const memberToy = endpoint({
  ...base,
  route: 'GET /api/member-toys/:orgId',
  summary: 'See what a member sees',
  caller: 'member',
  params: { orgId: { id: 'org', missing: 'org-not-found' } },
  returns: { 200: JsonObject },
  handle: async ({ scope }) => ok({ ...scope }),
})
const applicationToy = endpoint({
  ...base,
  route: 'GET /api/application-toys',
  summary: 'See what an application sees',
  caller: 'application',
  returns: { 200: JsonObject },
  handle: async ({ scope }) => ok({ ...scope }),
})
const streamToy = endpoint({
  ...base,
  route: 'GET /api/realtime/toys',
  summary: 'See what a stream sees',
  caller: 'stream',
  returns: { 200: JsonObject },
  handle: async ({ scope }) => ok({ ...scope }),
})
const userToy = endpoint({
  ...base,
  route: 'POST /api/user-toys',
  summary: 'See what a user sees',
  caller: 'user',
  returns: { 200: JsonObject },
  handle: async ({ caller }) => ok({ userId: caller.userId }),
})
const publicToy = endpoint({
  ...base,
  route: 'GET /api/public-toys',
  summary: 'See what anybody sees',
  caller: 'anyone',
  returns: { 200: JsonObject },
  handle: async () => ok({}),
})

/** Creates a set of toys for one test. */
export function makeToys(): Toys {
  const begun: string[] = []
  const held = new Map<string, Promise<void>>()
  const createToy = endpoint({
    ...base,
    route: 'POST /api/toys',
    summary: 'Create a toy',
    caller: 'application',
    permission: 'agents:write',
    forEndUsers: true,
    limit: 'create',
    idempotency: 'supported',
    audit: 'toy.created',
    body: ToyBody,
    bodyBytesMax: largeBodyBytes,
    returns: { 201: ToyWire },
    fails: ['not-found'],
    async handle({ body, change, db }) {
      begun.push(body.name)
      await held.get(body.name)
      if (body.name === 'missing') throw problem('not-found')
      if (body.name === 'broken') throw new Error('The toy is broken.')
      await db.selectFrom('users').select('id').where('name', '=', body.name).execute()
      const toy = await change(
        async () => ({ id: newWireId('toy'), name: body.name }),
        (made) => made.id,
      )
      return created(toy, `/api/toys/${toy.id}`)
    },
  })
  const endpoints = {
    listToys,
    createToy,
    getToy,
    deleteToy,
    labelToy,
    runToy,
    breakToy,
    uploadToy,
    organizationToy,
    memberToy,
    applicationToy,
    streamToy,
    userToy,
    publicToy,
  }
  return {
    feature: feature({
      folder: 'catalog/toys',
      tag: 'Toys',
      description: 'A feature of the tests.',
      idPrefixes,
      endpoints,
    }),
    endpoints,
    begun,
    hold(name) {
      const gate = Promise.withResolvers<void>()
      held.set(name, gate.promise)
      return gate.resolve
    },
  }
}
