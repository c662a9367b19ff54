import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseWireId } from '../../packages/server/src/platform/ids/id.ts'
import { keyOf, type ChaosClient, type Final } from './chaos-client.ts'
import { readRunStream } from './event-stream.ts'
import type { Installation } from './installation.ts'
import type { Ledger } from './ledger.ts'
import type { Action, ActionKind } from './plan.ts'
import type { Tenant } from './tenants.ts'

/** Everything that an action uses. */
export interface Load {
  readonly installation: Installation
  readonly client: ChaosClient
  readonly tenants: readonly Tenant[]
  readonly ledger: Ledger
  /** The headers of the owner's session. */
  readonly session: Readonly<Record<string, string>>
}

/** Performs an action, and repeats its requests until each has a final reply. */
export async function perform(load: Load, action: Action): Promise<void> {
  const tenant = load.tenants[action.tenant]
  // Nothing more is asked of a deleted application.
  if (tenant === undefined || load.ledger.deleted.has(tenant)) return
  await actions[action.kind](load, tenant, action)
}

type Perform = (load: Load, tenant: Tenant, action: Action) => Promise<void>

const actions: Readonly<Record<ActionKind, Perform>> = {
  'start-run': (load, tenant, action) =>
    startRun(load, { tenant, action, path: '/api/runs', body: runBody(tenant, action), endUserId: null }),
  async 'start-run-of-end-user'(load, tenant, action) {
    const endUserId = chosen(tenant.endUserIds, action)
    if (endUserId === undefined) return
    const body = { ...runBody(tenant, action), input: { note: noteOf(tenant, endUserId) } }
    await startRun(load, { tenant, action, path: '/api/runs', body, endUserId })
  },
  async 'upload-and-run'(load, tenant, action) {
    const form = (): FormData => {
      const data = new FormData()
      data.set('file', new Blob([tenant.mark.repeat(1_000)]), `${tenant.mark}.txt`)
      return data
    }
    const headers = keyOf(tenant)
    const uploaded = await load.client.send({ route: 'POST /api/files', headers, form })
    if (uploaded.status >= 300) return refused(load, { tenant, route: 'POST /api/files', endUserId: null }, uploaded)
    const body = { ...runBody(tenant, action), files: [uploaded.body.id] }
    await startRun(load, { tenant, action, path: '/api/runs', body, endUserId: null })
  },
  async 'run-schedule'(load, tenant, action) {
    const path = `/api/schedules/${chosen(tenant.scheduleIds, action)}/run`
    await startRun(load, { tenant, action, path, body: undefined, endUserId: null })
  },
  async 'move-fires'({ installation, ledger }, tenant, { choice }) {
    const schedule = chosen(tenant.scheduleIds, { choice })
    // Makes a schedule due within seconds, because waiting a minute for its expression would take too long.
    const rows = await installation.query<{ id: string; at: Date }>(
      `update schedules set next_run_at = t.at, due_at = t.at
       from (select date_trunc('milliseconds', now()) + $2 * interval '1 ms' as at) t
       where id = $1 and enabled and next_run_at > now() + interval '4 s' returning id, t.at`,
      [parseWireId('sched', schedule ?? ''), 500 + (choice % 2_500)],
    )
    ledger.moved.push(...rows.map(({ id, at }) => ({ tenant, schedule: id, at })))
  },
  async 'cancel-run'(load, tenant, action) {
    const run = chosen(load.ledger.runs.filter((accepted) => accepted.tenant === tenant).slice(-5), action)
    if (run === undefined) return
    const route = `POST /api/runs/${run.runId}/cancel`
    const final = await load.client.send({ route, headers: keyOf(tenant) })
    if (final.status === 200) load.ledger.cancelled.add(run.runId)
    // A cancel whose reply was lost is refused when it is repeated, as is one of a run that has ended.
    else if (final.status !== 409) refused(load, { tenant, route, endUserId: run.endUserId }, final)
  },
  async 'repeat-request'(load, tenant, action) {
    const first = chosen(
      load.ledger.runs.filter((accepted) => accepted.tenant === tenant),
      action,
    )
    if (first === undefined) return
    const { path, body, key, endUserId, runId } = first
    const headers = { ...keyOf(tenant, endUserId), 'idempotency-key': key }
    const final = await load.client.send({ route: `POST ${path}`, headers, body })
    if (final.status >= 300) refused(load, { tenant, route: `repeated POST ${path}`, endUserId }, final)
    else if (final.body.id !== runId) load.ledger.doubled.push(`${runId} and ${final.body.id}`)
  },
  async 'erase-end-user'(load, tenant, action) {
    const endUserId = chosen(tenant.endUserIds, action)
    if (endUserId === undefined) return
    load.ledger.erased.set(endUserId, load.ledger.erased.get(endUserId) ?? 'asked')
    const route = `DELETE /api/end-users/${endUserId}`
    const final = await load.client.send({ route, headers: keyOf(tenant) })
    // 404: erased before, or by an attempt whose reply was lost.
    if (final.status < 300 || final.status === 404) load.ledger.erased.set(endUserId, 'confirmed')
    else refused(load, { tenant, route, endUserId: null }, final)
  },
  async 'delete-application'(load, tenant) {
    load.ledger.deleted.set(tenant, 'asked')
    const route = `DELETE /api/applications/${tenant.appId}`
    for (;;) {
      const final = await load.client.send({ route, headers: { ...load.session, 'x-org-id': tenant.orgId } })
      if (final.status === 204 || final.status === 404) break
      // Refused while a run has not ended.
      if (final.status !== 409) return refused(load, { tenant, route, endUserId: null }, final)
      await sleep(100)
    }
    load.ledger.deleted.set(tenant, 'confirmed')
  },
}

interface Start {
  readonly tenant: Tenant
  readonly action: Action
  readonly path: string
  readonly body: unknown
  readonly endUserId: string | null
}

async function startRun(load: Load, { tenant, action, path, body, endUserId }: Start): Promise<void> {
  const key = randomUUID()
  const headers = { ...keyOf(tenant, endUserId), 'idempotency-key': key }
  const final = await load.client.send({ route: `POST ${path}`, headers, body })
  if (final.status >= 300) return refused(load, { tenant, route: `POST ${path}`, endUserId }, final)
  const runId = String(final.body.id)
  load.ledger.runs.push({ tenant, key, path, body, endUserId, runId })
  if (!action.follows) return
  const url = () => `${load.client.node().url}/api/realtime/runs/${runId}?token=${tenant.apiKey}`
  load.ledger.followed.set(runId, readRunStream({ url, headers: {} }))
}

function refused({ ledger }: Load, about: Omit<Ledger['refusals'][number], 'status' | 'text'>, final: Final): void {
  ledger.refusals.push({ ...about, status: final.status, text: final.text })
}

/** A text that only the content of this end-user has. */
export function noteOf({ mark }: Tenant, endUserId: string): string {
  return `${mark} of ${endUserId}`
}

function runBody({ mark, agentIds: [quick, steps] }: Tenant, { choice }: Action) {
  return { agentId: choice % 3 === 0 ? quick : steps, input: { note: mark } }
}

function chosen<T>(items: readonly T[], { choice }: Pick<Action, 'choice'>): T | undefined {
  return items[choice % Math.max(1, items.length)]
}
