import { expect } from 'vitest'
import { parseWireId, toWireId } from '../../packages/server/src/platform/ids/id.ts'
import { runTransitions } from '../../packages/server/src/features/execution/runs/run.ts'
import { keyOf } from './chaos-client.ts'
import { noteOf, type Load } from './load.ts'
import { isDoomed, type Tenant } from './tenants.ts'

interface RunRow {
  readonly id: string
  readonly appId: string
  readonly status: string
  readonly lastSeq: number
  readonly isFired: boolean
  readonly error: unknown
}

/** A run as the database has it, with its wire id. */
interface StoredRun extends RunRow {
  readonly runId: string
}

interface JournalRow {
  readonly runId: string
  readonly seq: number
  readonly id: string
  readonly event: string
  readonly status: string | null
  readonly callId: string | null
}

/** What the database has at the end, read once for all checks. */
export interface Aftermath {
  /** The runs of applications that were not deleted, except those of erased end-users. */
  readonly runs: readonly StoredRun[]
  readonly journal: ReadonlyMap<string, readonly JournalRow[]>
  readonly kept: readonly Tenant[]
}

/** Reads what the checks compare. Unscoped: of all organizations. */
export async function readAftermath({ installation, tenants, ledger }: Load): Promise<Aftermath> {
  const kept = tenants.filter((tenant) => !isDoomed(tenants, tenant))
  const appIds = kept.map(({ appId }) => parseWireId('app', appId))
  const rows = await installation.query<RunRow>(
    `select id, application_id as "appId", status, last_seq::int as "lastSeq", error,
       scheduled_for is not null as "isFired"
     from runs where application_id = any($1) and not (input = '{}' and schedule_id is null)`,
    [appIds],
  )
  const erased = new Set(ledger.runs.flatMap(({ runId, endUserId }) => (isErased(ledger, endUserId) ? [runId] : [])))
  const runs = rows.map((row) => ({ ...row, runId: toWireId('run', row.id) })).filter(({ runId }) => !erased.has(runId))
  const events = await installation.query<JournalRow>(
    `select run_id as "runId", seq::int, id, event, data ->> 'status' as status, data ->> 'callId' as "callId"
     from run_events where run_id = any($1) order by run_id, seq`,
    [runs.map(({ id }) => id)],
  )
  const journal = new Map(runs.map(({ id }) => [id, events.filter(({ runId }) => runId === id)]))
  return { runs, journal, kept }
}

const isErased = (ledger: Load['ledger'], endUserId: string | null): boolean =>
  endUserId !== null && ledger.erased.has(endUserId)

/** Every accepted request started exactly one run, no run came from elsewhere, and no run failed. */
export function expectEveryRunOnce({ ledger }: Load, { runs, kept }: Aftermath): void {
  expect(ledger.doubled, 'repeated requests that started another run').toEqual([])
  const expected = ledger.runs.filter(({ tenant, endUserId }) => kept.includes(tenant) && !isErased(ledger, endUserId))
  const ids = expected.map(({ runId }) => runId)
  expect(new Set(ids).size, 'accepted requests with a run of their own').toBe(ids.length)
  const requested = runs.filter(({ isFired }) => !isFired).map(({ runId }) => runId)
  expect(requested.sort(), 'runs that were requested').toEqual(ids.sort())
  const failed = runs.filter(({ status }) => status !== 'success' && status !== 'cancelled')
  expect(failed, 'no run fails because of a fault').toEqual([])
  const cancelled = runs.filter(({ runId }) => ledger.cancelled.has(runId))
  expect(cancelled.filter(({ status }) => status !== 'cancelled')).toEqual([])
  const wrong = ledger.refusals.filter((refusal) => !isExpected(ledger, refusal))
  expect(wrong, 'requests that were refused without a reason').toEqual([])
}

/** A deleted application is not found, an erased end-user is refused, and so is a repetition whose run was erased. */
function isExpected(
  ledger: Load['ledger'],
  { tenant, endUserId, status }: Load['ledger']['refusals'][number],
): boolean {
  const isGone = ledger.deleted.has(tenant) && [401, 404].includes(status)
  return isGone || (isErased(ledger, endUserId) && [403, 404, 410].includes(status))
}

/** Each journal is gapless, its statuses only go forward, and no tool call is executed again after its result. */
export function expectSoundJournals({ runs, journal }: Aftermath): void {
  const wrong = runs.flatMap(({ id, runId, status, lastSeq }) => {
    const rows = journal.get(id) ?? []
    const mistakes = [
      ...(rows.every(({ seq }, index) => seq === index + 1) && rows.length === lastSeq ? [] : ['has gaps']),
      ...(goesForward(rows, status) ? [] : ['went back']),
      ...(finishesOnce(rows) ? [] : ['repeats a tool call']),
    ]
    return mistakes.map((mistake) => `${runId} ${mistake}: ${JSON.stringify(rows.map(summaryOf))}`)
  })
  expect(wrong).toEqual([])
}

const summaryOf = ({ seq, event, status, callId }: JournalRow) => [seq, event, status, callId].join(' ')

function goesForward(rows: readonly JournalRow[], last: string): boolean {
  const next: Readonly<Record<string, readonly string[]>> = runTransitions
  const statuses = rows.flatMap(({ event, status }) =>
    status !== null && ['created', 'started', 'completed', 'cancelled'].includes(event) && status in next
      ? [status]
      : [],
  )
  const isOrdered = statuses.every((status, index) => {
    const before = statuses[index - 1]
    return before === undefined || before === status || next[before]?.includes(status) === true
  })
  const ends = statuses.filter((status) => next[status]?.length === 0)
  return isOrdered && statuses.at(-1) === last && ends.every((status) => status === last)
}

function finishesOnce(rows: readonly JournalRow[]): boolean {
  const finished = new Set<string>()
  for (const { event, callId } of rows) {
    if (callId === null) continue
    if (event === 'tool_started' && finished.has(callId)) return false
    if (event === 'tool_finished' && finished.has(callId)) return false
    if (event === 'tool_finished') finished.add(callId)
  }
  return true
}

/** Every stream saw the events of its run in order, each once, and the same as the journal has. */
export async function expectWholeStreams({ ledger }: Load, { runs, journal }: Aftermath): Promise<void> {
  const wrong: string[] = []
  let compared = 0
  for (const { id, runId } of runs) {
    const reader = ledger.followed.get(runId)
    if (reader === undefined) continue
    await reader.done
    compared += 1
    const seen = reader.events.map((event) => `${event.id} ${event.data.event ?? event.data.status}`)
    const stored = (journal.get(id) ?? []).map(({ seq, event, status }) =>
      ['started', 'completed', 'cancelled', 'created'].includes(event) ? `${seq} ${status}` : `${seq} ${event}`,
    )
    if (seen.join() !== stored.join())
      wrong.push(`${runId}: seen ${seen.join(', ')}; stored ${stored.join(', ')}; opened ${reader.opened()}`)
  }
  expect(wrong).toEqual([])
  expect(compared, 'streams that were compared').toBeGreaterThan(0)
}

/** Each fire was recorded once, with exactly one run unless it was skipped; no fire and no minute is missing. */
export async function expectEveryFireOnce(load: Load, { kept }: Aftermath, disabledAt: Date): Promise<void> {
  const { installation, ledger } = load
  const appIds = kept.map(({ appId }) => parseWireId('app', appId))
  const fires = await installation.query<Fire>(
    `select f.schedule_id as schedule, f.scheduled_for as at, f.through, f.outcome, f.run_id as run,
       (select count(*) from runs r
        where r.schedule_id = f.schedule_id and r.scheduled_for = f.scheduled_for)::int as runs
     from schedule_fires f where application_id = any($1)`,
    [appIds],
  )
  const of = new Map(fires.map((fire) => [`${fire.schedule} ${fire.at.getTime()}`, fire]))
  const moved = ledger.moved.filter(({ tenant }) => kept.includes(tenant))
  const lost = moved.filter(({ schedule, at }) => !of.has(`${schedule} ${at.getTime()}`))
  expect(lost, 'moved, but never fired').toEqual([])
  const wrong = fires.filter(
    ({ outcome, run, runs }) =>
      runs !== (outcome.startsWith('skipped') ? 0 : 1) || (run === null) !== outcome.startsWith('skipped'),
  )
  expect(wrong, 'fires without exactly one run').toEqual([])
  const orphans = await installation.query(
    `select r.id from runs r where r.scheduled_for is not null and application_id = any($1)
       and not exists (select from schedule_fires f where f.run_id = r.id and f.scheduled_for = r.scheduled_for)`,
    [appIds],
  )
  expect(orphans, 'runs without a fire').toEqual([])
  const schedules = await installation.query<{ id: string; created: Date }>(
    'select id, created_at as created from schedules where application_id = any($1)',
    [appIds],
  )
  // Moving a fire does not replace the fires of the expression: no minute may be missing.
  const missing = schedules.flatMap(({ id, created }) =>
    minutesBetween(created, disabledAt).filter(
      (minute) => !fires.some((fire) => fire.schedule === id && includes(fire, minute)),
    ),
  )
  expect(missing, 'minutes without a fire').toEqual([])
}

interface Fire {
  readonly schedule: string
  readonly at: Date
  readonly through: Date | null
  readonly outcome: string
  readonly run: string | null
  readonly runs: number
}

const includes = ({ at, through }: Fire, minute: number): boolean =>
  at.getTime() === minute || (through !== null && at.getTime() <= minute && minute <= through.getTime())

/** The full minutes after `from`, up to ten seconds before `to`. */
function minutesBetween(from: Date, to: Date): number[] {
  const first = Math.floor(from.getTime() / 60_000) * 60_000 + 60_000
  const minutes: number[] = []
  for (let minute = first; minute < to.getTime() - 10_000; minute += 60_000) minutes.push(minute)
  return minutes
}

/** The audit log of each organization is an unbroken chain with an entry for each run that was started. */
export async function expectSoundAuditLogs({ client, session, tenants, ledger }: Load): Promise<void> {
  for (const orgId of new Set(tenants.map((tenant) => tenant.orgId))) {
    const headers = { ...session, 'x-org-id': orgId }
    let [entries, path] = [0, '/api/audit-log/verify']
    for (;;) {
      const { body } = await client.send({ route: `GET ${path}`, headers })
      expect(body).toMatchObject({ valid: true, unchained: 0, problems: [] })
      entries += body.entries
      if (body.next === null) break
      path = `/api/audit-log/verify?from=${body.next}`
    }
    expect(entries).toBeGreaterThanOrEqual(ledger.runs.filter(({ tenant }) => tenant.orgId === orgId).length)
  }
}

/** What was deleted or erased is not found, and nothing of it is left in the database. */
export async function expectDeletedStaysDeleted({ client, installation, tenants, ledger }: Load): Promise<void> {
  for (const tenant of tenants) {
    const isKept = !isDoomed(tenants, tenant)
    const answer = await client.send({ route: 'GET /api/runs', headers: keyOf(tenant) })
    expect(answer.status, tenant.mark).toBe(isKept ? 200 : 401)
    if (!isKept) expect(await tracesOf(installation, tenant.mark), tenant.mark).toEqual([])
    else expect(answer.text).not.toContain(tenants.find(({ mark }) => mark !== tenant.mark)?.mark)
    for (const endUserId of isKept ? tenant.endUserIds.filter((id) => ledger.erased.has(id)) : []) {
      const found = await client.send({ route: `GET /api/end-users/${endUserId}`, headers: keyOf(tenant) })
      expect(found.status, endUserId).toBe(404)
      expect(await tracesOf(installation, noteOf(tenant, endUserId)), endUserId).toEqual([])
    }
  }
}

/** The tables with a row that has a text, except the audit log, which outlives what it is about. */
async function tracesOf({ query }: Load['installation'], text: string): Promise<string[]> {
  const tables = await query<{ name: string }>(
    `select table_name as name from information_schema.tables
     where table_schema = 'public' and table_type = 'BASE TABLE'
       and table_name not in ('audit_log', 'security_events', 'packages', 'package_versions', 'application_packages')`,
  )
  const found: string[] = []
  for (const { name } of tables) {
    const [row] = await query<{ found: boolean }>(
      `select exists (select from "${name}" as t where position($1 in t::text) > 0) as found`,
      [text],
    )
    if (row?.found === true) found.push(name)
  }
  return found
}
