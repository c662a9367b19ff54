import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import type { AuditFilters } from './audit-filters.ts'
import { countQuery, entriesQuery, scannedEntriesMax } from './audit-store.ts'
import { auditWorld, writeMany } from './testing/audit-tests.ts'

interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}

/** Every step of a plan. */
const stepsOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(stepsOf)]

const parts: AuditFilters = {
  resourceId: 'thing_7',
  actorId: 'system',
  action: 'test.made',
  applicationId: '00000000-0000-7000-8000-000000000001',
  since: new Date('2000-01-01T00:00:00Z'),
}

/** Every combination of filters, and the other forms of an actor and an action. */
const names = ['resourceId', 'actorId', 'action', 'applicationId', 'since'] as const
const combinations: AuditFilters[] = Array.from({ length: 2 ** names.length }, (_value, bits) =>
  Object.fromEntries(names.filter((_name, bit) => (bits & (1 << bit)) !== 0).map((name) => [name, parts[name]])),
)
combinations.push(
  { noun: 'test' },
  { noun: 'rare' },
  { noun: 'test', actorId: 'nobody' },
  { endUserId: '00000000-0000-7000-8000-000000000002' },
  { action: 'rare.made' },
)

describe('the queries on the audit log', () => {
  let world: World
  let tenant: Tenant
  beforeAll(async () => {
    world = await openWorld(auditWorld)
    tenant = await world.tenant()
    await writeMany(world, tenant, { count: 100_000 })
    await sql`
      update audit_log set action = 'rare.made', resource_id = 'thing_7'
      where (changes -> 'n' ->> 'before')::int % 1000 = 7`.execute(world.platform.db)
    await sql`vacuum analyze audit_log`.execute(world.platform.db)
  }, 120_000)
  afterAll(() => world.close())

  const explain = async (query: { sql: string; parameters: readonly unknown[] }) => {
    const asTenant = world.platform.database.dbOf(tenant.organizationId)
    const { rows } = await asTenant.executeQuery<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      CompiledQuery.raw(`explain (analyze, format json) ${query.sql}`, [...query.parameters]),
    )
    const plan = rows[0]?.['QUERY PLAN'][0].Plan
    if (plan === undefined) throw new Error('There is no plan.')
    return stepsOf(plan)
  }

  it.each(combinations)('read a bounded part of one index, without sorting: %j', async (filters) => {
    for (const query of [
      entriesQuery(tenant.scope, filters, { start: { offset: 0 }, limit: 21 }),
      entriesQuery(tenant.scope, filters, { start: { offset: 7_980 }, limit: 21 }),
      countQuery(tenant.scope, filters, scannedEntriesMax),
    ]) {
      const steps = await explain(query.compile(world.platform.db))
      const types = steps.map((step) => step['Node Type'])
      expect(
        types.filter((type) => /Sort|Seq Scan|Bitmap/.test(type)),
        types.join(' < '),
      ).toEqual([])
      const looked = steps
        .filter((step) => step['Relation Name'] === 'audit_log')
        .map((step) => step['Actual Rows'] * step['Actual Loops'] + (step['Rows Removed by Filter'] ?? 0))
      expect(Math.max(...looked)).toBeLessThanOrEqual(scannedEntriesMax)
    }
  })
})
