import { setTimeout as sleep } from 'node:timers/promises'
import type { Installation } from './installation.ts'
import { keyOf } from './chaos-client.ts'
import type { Load } from './load.ts'
import { isDoomed } from './tenants.ts'

const settleMs = 150_000

/** Makes retries of deliveries due now, because the first one would wait for half a minute. */
async function hurryDeliveries({ query }: Installation): Promise<void> {
  await query(
    `update webhook_deliveries set due_at = now()
     where status = 'pending' and claim is null and not ready and due_at > now() + interval '1 s'`,
  )
}

/** Waits until all work is done. Throws an Error with what is left when that takes too long. */
export async function settle(installation: Installation): Promise<void> {
  for (const deadline = Date.now() + settleMs; ; ) {
    await hurryDeliveries(installation)
    const left = await countWork(installation)
    if (Object.values(left).every((count) => count === 0)) return
    if (Date.now() > deadline)
      throw new Error(
        `The work did not finish in time: ${JSON.stringify(left)}\n` +
          `${JSON.stringify(await pendingDeliveries(installation))}\n${installation.output().slice(-9_000)}`,
      )
    await sleep(300)
  }
}

/** What is known of the deliveries that do not end. */
function pendingDeliveries({ query }: Installation): Promise<object[]> {
  return query(`
    select d.*, h.enabled, now() as now from webhook_deliveries d join webhooks h on h.id = d.webhook_id
    where d.status = 'pending' limit 3`)
}

async function countWork({ query }: Installation): Promise<Record<string, number>> {
  const [left] = await query<Record<string, number>>(`select
    (select count(*) from runs where status in ('pending', 'running', 'waiting'))::int as runs,
    (select count(*) from schedules where due_at < now())::int as schedules,
    (select count(*) from schedule_fires where outcome = 'queued')::int as queued,
    (select count(*) from outbox)::int as outbox,
    (select count(*) from webhook_deliveries where status = 'pending')::int as deliveries,
    (select count(*) from end_users where erased_at is not null)::int as erased,
    (select count(*) from applications where deleted_at is not null)::int as deleted,
    (select count(*) from audit_log where seq is null and organization_id is not null)::int as unchained`)
  return left ?? {}
}

/** Disables every schedule that is left; returns when. */
export async function endSchedules({ client, installation, tenants }: Load): Promise<Date> {
  for (const tenant of tenants.filter((each) => !isDoomed(tenants, each)))
    for (const id of tenant.scheduleIds) {
      const route = `PATCH /api/schedules/${id}`
      const { status, text } = await client.send({ route, headers: keyOf(tenant), body: { enabled: false } })
      if (status !== 200) throw new Error(`${route}: ${text}`)
    }
  const [row] = await installation.query<{ now: Date }>('select now() as now')
  return row?.now ?? new Date()
}

/**
 * Compares the runs with those of its last call: none goes back, and no ended run changes. Hurries the deliveries.
 */
export function createWatch(installation: Installation): () => Promise<string[]> {
  const ends = new Map<string, string>()
  const seqs = new Map<string, number>()
  return async () => {
    await hurryDeliveries(installation)
    const rows = await installation.query<{ id: string; status: string; seq: number }>(
      `select id, status, last_seq::int as seq from runs where input <> '{}' or schedule_id is not null`,
    )
    return rows.flatMap(({ id, status, seq }) => {
      const [end, before] = [ends.get(id), seqs.get(id) ?? 0]
      if (['success', 'failed', 'timeout', 'cancelled'].includes(status)) ends.set(id, status)
      seqs.set(id, seq)
      return (end !== undefined && end !== status) || seq < before
        ? [`${id} was ${end ?? 'unfinished'} at ${before}, and is ${status} at ${seq}`]
        : []
    })
  }
}
