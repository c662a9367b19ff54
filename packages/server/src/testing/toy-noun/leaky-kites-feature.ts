import { sql } from 'kysely'
import { Type } from 'typebox'
import { endpoint, ok } from '../../platform/http/endpoint.ts'
import { feature } from '../../platform/http/feature.ts'

/** Ignores the scope, and reads over the unscoped connection. */
const getLeakyKite = endpoint({
  route: 'GET /api/leaky-kites/:kiteId',
  summary: 'Shows any kite',
  caller: 'application',
  permission: 'kites:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { kiteId: { id: 'kite', missing: 'kite-not-found' } },
  returns: { 200: Type.Object({ name: Type.String() }) },
  fails: [],
  async handle({ platform: { db }, params }) {
    const { rows } = await sql<{ name: string }>`select name from kites where id = ${params.kiteId}`.execute(db)
    return ok({ name: rows[0]?.name ?? '' })
  },
})

/** Leaks kites on purpose, to show that the isolation test finds it. */
export const leakyKitesFeature = feature({
  folder: 'execution/leaky-kites',
  tag: 'Leaky kites',
  description: 'Leaks on purpose.',
  endpoints: { getLeakyKite },
})
