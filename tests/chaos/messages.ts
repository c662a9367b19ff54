import { expect } from 'vitest'
import { parseWireId } from '../../packages/server/src/platform/ids/id.ts'
import type { Aftermath } from './invariants.ts'
import type { Load } from './load.ts'
import type { Receiver } from './receiver.ts'
import type { Tenant } from './tenants.ts'

const eventOf: Readonly<Record<string, string>> = {
  running: 'run.started',
  success: 'run.completed',
  failed: 'run.failed',
  timeout: 'run.timeout',
  cancelled: 'run.cancelled',
}

/** Each webhook received each event of its application at least once, signed, in order, and none of another's. */
export async function expectEveryMessage(load: Load, aftermath: Aftermath, receiver: Receiver): Promise<void> {
  expect(receiver.taken.filter(({ isSigned }) => !isSigned)).toEqual([])
  for (const tenant of aftermath.kept) await expectMessagesOf(tenant, { load, aftermath, receiver })
}

async function expectMessagesOf(
  tenant: Tenant,
  { load, aftermath, receiver }: { load: Load; aftermath: Aftermath; receiver: Receiver },
): Promise<void> {
  const appId = parseWireId('app', tenant.appId)
  const own = await load.installation.query<{ id: string }>('select id from runs where application_id = $1', [appId])
  const ownIds = new Set(own.map(({ id }) => id))
  const firsts = new Map<string, number>()
  const strangers: string[] = []
  for (const [index, { webhook, runId, type }] of receiver.taken.entries()) {
    if (webhook !== tenant.webhook) continue
    if (!ownIds.has(parseWireId('run', runId) ?? '')) strangers.push(runId)
    if (!firsts.has(`${runId} ${type}`)) firsts.set(`${runId} ${type}`, index)
  }
  expect(strangers, `runs of others at ${tenant.webhook}`).toEqual([])
  const runs = aftermath.runs.filter((run) => run.appId === appId)
  const wrong: string[] = []
  let expected = 0
  for (const { id, runId } of runs) {
    const events = (aftermath.journal.get(id) ?? []).flatMap(({ event, status }) =>
      ['started', 'completed', 'cancelled'].includes(event) ? [eventOf[status ?? ''] ?? ''] : [],
    )
    expected += events.length
    const received = events.map((event) => firsts.get(`${runId} ${event}`) ?? -1)
    if (received.some((at, index) => at < 0 || at < (received[index - 1] ?? 0)))
      wrong.push(`${runId}: ${events.join()} received as ${received.join()}`)
  }
  expect(wrong, `messages lost or out of order at ${tenant.webhook}`).toEqual([])
  const [stored] = await load.installation.query<{ count: number }>(
    'select count(*)::int as count from webhook_events where run_id = any($1)',
    [runs.map(({ id }) => id)],
  )
  expect(stored?.count, `one message for each event of ${tenant.webhook}`).toBe(expected)
}
