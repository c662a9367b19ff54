import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { testClock } from '../../execution/schedules/testing/schedule-tests.ts'
import { organizationsFeature } from '../../accounts/organizations/index.ts'
import { auditFeature } from './index.ts'
import { chainAll, writeEntries, writeMany } from './testing/audit-tests.ts'
import { trimAuditLogs } from './trim-audit-logs.job.ts'
import { trimSteps } from './trim-steps.ts'

const verifier = join(import.meta.dirname, '../../../../../../scripts/verify-audit-log.mjs')

describe('the retention of an audit log', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ features: [auditFeature, organizationsFeature] })
  })
  afterAll(() => world.close())

  /** A log whose first `old` entries are 40 days old and whose last `young` are new, kept for 30 days. */
  const given = async (old: number, young: number) => {
    const tenant = await world.tenant()
    if (old > 0) await writeMany(world, tenant, { count: old })
    await sql`
      update audit_log set created_at = now() - interval '40 days'
      where organization_id = ${tenant.organizationId}`.execute(world.platform.db)
    await chainAll(world)
    await writeEntries(
      world,
      tenant,
      Array.from({ length: young }, () => ({})),
    )
    await chainAll(world)
    const { send } = await tenant.session()
    await world.platform.db
      .updateTable('organizations')
      .set({ audit_retention_days: 30 })
      .where('id', '=', tenant.organizationId)
      .execute()
    const verify = async (query = {}) => (await send('GET /api/audit-log/verify', { query })).body
    const trim = async () => {
      while (await trimAuditLogs.run(world.platform, new AbortController().signal));
      await chainAll(world)
    }
    return { tenant, send, verify, trim }
  }
  const seqsOf = async ({ organizationId }: Tenant) =>
    (
      await world.platform.db
        .selectFrom('audit_log')
        .select('seq')
        .where('organization_id', '=', organizationId)
        .orderBy('seq')
        .execute()
    ).map(({ seq }) => seq)

  it('removes old entries from its front, reports that in an entry, and leaves a log that verifies', async () => {
    const { tenant, send, verify, trim } = await given(5, 3)
    const { head } = await verify()
    await trim()
    expect(await seqsOf(tenant)).toEqual([6, 7, 8, 9])
    expect(await verify()).toMatchObject({ valid: true, entries: 4, removedThrough: 5, problems: [], next: null })
    expect(await verify({ seq: head.seq, hash: head.hash })).toMatchObject({ valid: true })
    const [entry] = (await send('GET /api/audit-log')).body.data
    expect(entry).toMatchObject({
      seq: 9,
      action: 'audit-log.trimmed',
      actor: { kind: 'system', part: 'retention' },
      changes: { through: { before: null, after: expect.stringMatching(/^5:[0-9a-f]{64}$/) } },
    })
    await trim()
    expect(await seqsOf(tenant)).toEqual([6, 7, 8, 9])
  })

  it('leaves an export that verifies without the server', async () => {
    const { send, trim } = await given(3, 2)
    await trim()
    const { text } = await send('GET /api/audit-log/export')
    expect(JSON.parse(text.split('\n', 1)[0] ?? '')).toMatchObject({ seq: 4, previousHash: expect.any(String) })
    const path = join(world.platform.config.DATA_DIR, 'export.jsonl')
    await writeFile(path, text)
    const { status, stdout } = spawnSync(process.execPath, [verifier, path], { encoding: 'utf8' })
    expect(stdout).toContain('VALID: entries 4 to 6')
    expect(status).toBe(0)
  })

  it('follows the setting of the API, and leaves a log that verifies here and from an export', async () => {
    const clock = testClock(new Date().toISOString())
    const own = await openWorld({ clock, features: [auditFeature, organizationsFeature] })
    try {
      const tenant = await own.tenant()
      const { send } = await tenant.session()
      const rename = (name: string) => send(`PATCH /api/orgs/${tenant.orgId}`, { body: { name } })
      for (let made = 0; made < 5; made += 1) expect((await rename(`Old ${made}`)).status).toBe(200)
      const settings = { body: { auditRetentionDays: 30 } }
      expect((await send(`PATCH /api/orgs/${tenant.orgId}/settings`, settings)).status).toBe(200)
      await chainAll(own)
      const before = (await send('GET /api/audit-log/verify')).body
      const cursor = (await send('GET /api/audit-log/verify', { query: { limit: 2 } })).body.nextAfter
      clock.advance(40 * 86_400_000)
      // Entries have the time of the database, which the test's clock does not move.
      while (await trimAuditLogs.run(own.platform, new AbortController().signal));
      for (let made = 0; made < 3; made += 1) await rename(`New ${made}`)
      await chainAll(own)
      const after = (await send('GET /api/audit-log/verify')).body
      expect(after).toMatchObject({ valid: true, problems: [], complete: true, removedThrough: before.head.seq - 1 })
      expect(after.entries).toBe(1 + 1 + 3)
      // A verification in parts that the retention has overtaken goes on at the new start.
      const overtaken = await send('GET /api/audit-log/verify', { query: { after: cursor } })
      expect(overtaken.body).toMatchObject({ valid: true, entries: after.entries, complete: true })
      const { text } = await send('GET /api/audit-log/export')
      const path = join(own.platform.config.DATA_DIR, 'export.jsonl')
      await writeFile(path, text)
      const head = `${after.head.seq}:${after.head.hash}`
      const { status, stdout } = spawnSync(process.execPath, [verifier, path, '--head', head], { encoding: 'utf8' })
      expect(stdout).toContain(`VALID: entries ${before.head.seq} to ${after.head.seq}`)
      expect(status).toBe(0)
    } finally {
      await own.close()
    }
  })

  it('never removes the last entry of the chain, and keeps the logs of others', async () => {
    const { tenant, verify, trim } = await given(4, 0)
    const other = await world.tenant()
    await writeMany(world, other, { count: 2 })
    await trim()
    expect(await seqsOf(tenant)).toEqual([4, 5])
    expect(await verify()).toMatchObject({ valid: true, removedThrough: 3 })
    expect(await seqsOf(other)).toEqual([1, 2])
  })

  it('can be killed between two batches', async () => {
    const { tenant, verify, trim } = await given(1_200, 1)
    // Logs of other tests can come first.
    for await (const removed of trimSteps(world.platform)) if (removed === 500) break
    expect(await seqsOf(tenant)).toHaveLength(702)
    await chainAll(world)
    expect(await verify()).toMatchObject({ valid: true, removedThrough: 1_200 })
    await trim()
    expect(await seqsOf(tenant)).toEqual([1_201, 1_202])
    expect(await verify()).toMatchObject({ valid: true, entries: 2 })
  })

  it('differs from tampering: removed entries, a moved start, and an archived head that is gone', async () => {
    const { tenant, send, verify, trim } = await given(4, 4)
    const archived = (await verify()).head
    const { organizationId } = tenant
    await trim()
    const { db } = world.platform
    await sql`delete from audit_log where organization_id = ${organizationId} and seq = 5`.execute(db)
    expect(await verify()).toMatchObject({ valid: false, problems: [{ kind: 'gap', seq: 5 }] })
    // Somebody moves the start behind the gap; the reporting entry still names another one.
    await sql`
      update audit_chains set start_seq = 5, start_hash = (
        select sha256(hash) from audit_log where organization_id = ${organizationId} and seq = 6)
      where organization_id = ${organizationId}`.execute(db)
    const { problems } = await verify()
    expect(problems).toContainEqual(expect.objectContaining({ kind: 'gap', seq: 1 }))
    const early = await send('GET /api/audit-log/verify', { query: { seq: '2', hash: archived.hash } })
    expect(early.status).toBe(422)
    expect(early.body.errors).toMatchObject([{ pointer: 'query/seq' }])
  })
})
