import { sql } from 'kysely'
import type { AuditEntry } from '../../../../platform/audit/audit.ts'
import { insertAuditEntry } from '../../../../platform/audit/postgres-audit.ts'
import { eventually } from '../../../../testing/factories/run-world.ts'
import type { Tenant } from '../../../../testing/factories/tenant.ts'
import type { World } from '../../../../testing/world.ts'
import { chainEntries } from '../chain-entries.job.ts'
import { auditFeature } from '../index.ts'

/** A world with only the audit log; the tests write its entries. */
export const auditWorld = { features: [auditFeature] }

const signal = new AbortController().signal

/** Writes entries of the system one after the other, each in its own transaction. */
export async function writeEntries(
  world: World,
  tenant: Tenant,
  entries: readonly Partial<AuditEntry>[],
): Promise<void> {
  for (const entry of entries) {
    await world.platform.db.transaction().execute((tx) =>
      insertAuditEntry(tx, {
        action: 'test.made',
        actor: { kind: 'system', part: 'tests' },
        scope: tenant.scope,
        resourceId: undefined,
        ...entry,
      }),
    )
  }
}

/** Writes `count` entries in one transaction, each with `characters` characters of changes. */
export async function writeMany(
  world: World,
  { organizationId, applicationId }: Tenant,
  { count, characters = 0 }: { count: number; characters?: number },
): Promise<void> {
  await sql`
    insert into audit_log (id, organization_id, application_id, action, actor, changes)
    select
      (lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid,
      ${organizationId}, ${applicationId}, 'test.made',
      '{"kind": "system", "part": "tests"}',
      jsonb_build_object('n', jsonb_build_object('before', n, 'after', repeat('x', ${characters}::int)))
    from generate_series(1, ${count}::int) n`.execute(world.platform.db)
}

/** Chains all committed entries. Retries, as open transactions in any database of the cluster delay the chaining. */
export async function chainAll({ platform }: World): Promise<void> {
  await eventually(async () => {
    while (await chainEntries.run(platform, signal));
    const waiting = await platform.db
      .selectFrom('audit_log')
      .select('id')
      .where('seq', 'is', null)
      .where('organization_id', 'is not', null)
      .limit(1)
      .executeTakeFirst()
    return waiting === undefined ? true : undefined
  }, 30_000)
}

/** A log of `count` chained entries, and its owner. */
export async function givenChain(world: World, count: number) {
  const tenant = await world.tenant()
  await writeEntries(
    world,
    tenant,
    Array.from({ length: count }, (_value, n) => ({
      resourceId: `thing_${n + 1}`,
      changes: { n: { before: n, after: n + 1 } },
    })),
  )
  await chainAll(world)
  return { tenant, send: (await tenant.session()).send }
}
