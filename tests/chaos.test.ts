import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNodes, type Nodes } from './chaos-nodes.ts'
import { startReceiver, type Receiver } from './chaos-receiver.ts'
import type { Body } from './client.ts'
import { connectModel, signIn } from './journeys.ts'

// Few kills in CI; set CHAOS_KILLS=200 for a thorough run.
const kills = Number(process.env['CHAOS_KILLS'] ?? 6)
const schedulesCount = 20
const webhooks = ['one', 'two', 'three']
const events = ['run.started', 'run.completed', 'run.failed', 'run.timeout', 'run.cancelled']
const eventOf: Readonly<Record<string, string>> = {
  success: 'run.completed',
  failed: 'run.failed',
  timeout: 'run.timeout',
  cancelled: 'run.cancelled',
}
const settleMs = 120_000 + kills * 3_000

// Long enough that a kill interrupts running runs.
const scenario = {
  steps: [
    { delayMs: 150, text: 'On it.', toolCalls: [{ name: 'output', arguments: { done: true } }] },
    { delayMs: 150, text: 'Done.' },
  ],
}

describe(`${kills} kills at random points`, () => {
  let models: ModelServer
  let receiver: Receiver
  let nodes: Nodes
  let agentId: string
  let scheduleIds: string[]
  /** The times to which the test moved the next fire of a schedule. */
  const moved: { schedule: string; at: Date }[] = []
  /** The run ids by the idempotency key of the request that started each run. */
  const asked = new Map<string, string>()

  beforeAll(async () => {
    models = await startModelServer({ scenarios: { quick: scenario } })
    receiver = await startReceiver()
    nodes = await startNodes()
    const modelId = await connectModel(nodes.firstRun.url, nodes.firstRun, {
      baseUrl: `${models.url}/v1`,
      modelId: 'quick',
    })
    agentId = (
      await must('POST /api/agents', {
        name: 'quick',
        displayName: 'Quick',
        prompt: 'Be quick.',
        tools: ['output'],
        modelId,
      })
    ).id
    for (const name of webhooks)
      receiver.trust(name, (await must('POST /api/webhooks', { url: `${receiver.url}/${name}`, events })).secret)
    scheduleIds = []
    for (let index = 0; index < schedulesCount; index += 1) {
      const schedule = await must('POST /api/schedules', {
        agentId,
        cronExpression: '* * * * *',
        name: `schedule ${index}`,
        missedFires: 'run-all',
        overlap: index % 4 === 3 ? 'queue' : 'allow',
      })
      scheduleIds.push(schedule.id)
    }
  }, 180_000)
  afterAll(async () => {
    await nodes.remove()
    await receiver.close()
    await models.close()
  }, 120_000)

  /**
   * Sends a request until a node answers; the idempotency key prevents a second execution. Each kill during a request
   * may delay the reply by a minute.
   */
  async function must(route: string, body?: unknown): Promise<Body> {
    const key = randomUUID()
    for (const deadline = Date.now() + 480_000; ; ) {
      const { answer, why } = await ask(route, { body, key })
      if (answer !== undefined) {
        if (/^POST .*(runs|run)$/.test(route)) asked.set(key, answer.id)
        return answer
      }
      if (why !== undefined || Date.now() > deadline) throw new Error(`${route}: ${why}`)
      await sleep(200)
    }
  }

  /** Sends a request once: the answer, or the reason of a refusal. Neither means that a retry makes sense. */
  async function ask(
    route: string,
    { body, key }: { body: unknown; key: string },
  ): Promise<{ answer?: Body; why?: string }> {
    const [method = 'GET', path = ''] = route.split(' ')
    const headers = {
      authorization: `Bearer ${nodes.firstRun.apiKey}`,
      'x-app-id': nodes.firstRun.appId,
      'idempotency-key': key,
    }
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    try {
      const init = {
        method,
        headers: { ...headers, ...json },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(20_000),
      }
      const response = await fetch(`${nodes.url()}${path}`, init)
      const text = await response.text()
      if (response.ok) return { answer: JSON.parse(text) }
      return response.status >= 500 || text.includes('idempotency-in-progress') ? {} : { why: text }
    } catch {
      // The node is down, or was killed during the request.
      return {}
    }
  }

  it('lose no work and repeat none', { timeout: 600_000 + kills * 20_000 }, async () => {
    const stop = new AbortController()
    const work = Promise.all([moveFires(stop.signal), askForRuns(stop.signal), hurry(stop.signal)])
    for (let killed = 0; killed < kills; killed += 1) {
      await sleep(200 + Math.random() * 1_800)
      await nodes.killOne()
    }
    stop.abort()
    await work
    await settle()
    const disabledAt = await endSchedules()
    await settle()
    await expectEveryFireOnce(disabledAt)
    await expectEveryRunOnce()
    await expectEveryEvent()
    await expectSoundAuditLog()
    // eslint-disable-next-line no-console -- shows the figures of the test run
    console.log(
      `${kills} kills, ${moved.length} fires moved, ${asked.size} runs requested,`,
      `${receiver.taken.length} messages received, ${receiver.refused()} refused`,
    )
  })

  // Makes schedules due within seconds, because waiting a minute for their expression would take too long.
  async function moveFires(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const rows = await nodes.query<{ id: string; at: Date }>(
        `with chosen as (
           select id, date_trunc('milliseconds', now()) + (500 + floor(random() * 2500)) * interval '1 ms' as at
           from schedules
           where enabled and next_run_at > now() + interval '4 s' order by random() limit 6 for update skip locked)
         update schedules s set next_run_at = chosen.at, due_at = chosen.at
         from chosen where s.id = chosen.id returning s.id, chosen.at`,
      )
      moved.push(...rows.map(({ id, at }) => ({ schedule: id, at })))
      await sleep(700)
    }
  }

  async function askForRuns(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await must('POST /api/runs', { agentId })
      await must(`POST /api/schedules/${scheduleIds[Math.floor(Math.random() * scheduleIds.length)]}/run`)
      await sleep(500)
    }
  }

  // Makes retries due now, because the first one would wait for half a minute.
  async function hurry(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await nodes.query(
        `update webhook_deliveries set due_at = now()
         where status = 'pending' and claim is null and not ready and due_at > now() + interval '1 s'`,
      )
      await sleep(500)
    }
  }

  /** Waits until all work is done. */
  async function settle(): Promise<void> {
    receiver.behave()
    const stop = new AbortController()
    const hurrying = hurry(stop.signal)
    const deadline = Date.now() + settleMs
    for (;;) {
      const [left] = await nodes.query<Record<string, number>>(`select
        (select count(*) from runs where status in ('pending', 'running', 'waiting'))::int as runs,
        (select count(*) from schedules where due_at < now())::int as schedules,
        (select count(*) from schedule_fires where outcome = 'queued')::int as queued,
        (select count(*) from outbox)::int as outbox,
        (select count(*) from webhook_deliveries where status = 'pending')::int as deliveries,
        (select count(*) from audit_log where seq is null and organization_id is not null)::int as unchained`)
      if (Object.values(left ?? {}).every((count) => count === 0)) break
      if (Date.now() > deadline)
        throw new Error(`The work did not finish in time: ${JSON.stringify(left)}\n${nodes.output().slice(-5_000)}`)
      await sleep(300)
    }
    stop.abort()
    await hurrying
  }

  async function endSchedules(): Promise<Date> {
    for (const id of scheduleIds) await must(`PATCH /api/schedules/${id}`, { enabled: false })
    const [row] = await nodes.query<{ now: Date }>('select now() as now')
    return row?.now ?? new Date()
  }

  async function expectEveryFireOnce(disabledAt: Date): Promise<void> {
    const fires = await nodes.query<{
      schedule: string
      at: Date
      through: Date | null
      outcome: string
      run: string | null
      runs: number
    }>(
      `select f.schedule_id as schedule, f.scheduled_for as at, f.through, f.outcome, f.run_id as run,
         (select count(*) from runs r
          where r.schedule_id = f.schedule_id and r.scheduled_for = f.scheduled_for)::int as runs
       from schedule_fires f`,
    )
    const of = new Map(fires.map((fire) => [`${fire.schedule} ${fire.at.getTime()}`, fire]))
    expect(
      moved.filter(({ schedule, at }) => !of.has(`${schedule} ${at.getTime()}`)),
      'moved, but never fired',
    ).toEqual([])
    expect(moved.length).toBeGreaterThan(kills)
    const wrong = fires.filter(
      ({ outcome, run, runs }) =>
        runs !== (outcome.startsWith('skipped') ? 0 : 1) || (run === null) !== outcome.startsWith('skipped'),
    )
    expect(wrong, 'fires without exactly one run').toEqual([])
    const orphans = await nodes.query(
      `select r.id from runs r where r.scheduled_for is not null
         and not exists (select from schedule_fires f where f.run_id = r.id and f.scheduled_for = r.scheduled_for)`,
    )
    expect(orphans, 'runs without a fire').toEqual([])
    await expectEveryMinute(disabledAt, fires)
  }

  // Moving a fire does not replace the fires of the expression: no minute may be missing.
  async function expectEveryMinute(
    disabledAt: Date,
    fires: readonly { schedule: string; at: Date; through: Date | null }[],
  ): Promise<void> {
    const schedules = await nodes.query<{ id: string; created: Date }>(
      'select id, created_at as created from schedules',
    )
    const missing = schedules.flatMap(({ id, created }) => {
      const own = fires.filter(({ schedule }) => schedule === id)
      return minutesBetween(created, disabledAt).filter(
        (minute) =>
          !own.some(
            ({ at, through }) =>
              at.getTime() === minute || (through !== null && at.getTime() <= minute && minute <= through.getTime()),
          ),
      )
    })
    expect(
      missing.map((minute) => new Date(minute)),
      'minutes without a fire',
    ).toEqual([])
  }

  async function expectEveryRunOnce(): Promise<void> {
    const [counts] = await nodes.query<{ all: number; fired: number }>(
      'select count(*)::int as all, count(scheduled_for)::int as fired from runs',
    )
    expect((counts?.all ?? 0) - (counts?.fired ?? 0), 'runs that were requested').toBe(asked.size)
    expect(new Set(asked.values()).size).toBe(asked.size)
    const ended = await nodes.query<{ status: string; count: number }>(
      'select status, count(*)::int as count from runs group by status',
    )
    expect(ended, 'no run fails because of a kill').toEqual([{ status: 'success', count: counts?.all }])
  }

  async function expectEveryEvent(): Promise<void> {
    expect(receiver.taken.filter(({ isSigned }) => !isSigned)).toEqual([])
    const runs = await listRuns()
    const lost: string[] = []
    for (const name of webhooks) {
      const firsts = new Map<string, number>()
      receiver.taken.forEach(({ webhook, runId, type }, index) => {
        const key = `${runId} ${type}`
        if (webhook === name && !firsts.has(key)) firsts.set(key, index)
      })
      for (const { id, status } of runs) {
        const [started, ended] = [firsts.get(`${id} run.started`), firsts.get(`${id} ${eventOf[status]}`)]
        if (started === undefined || ended === undefined || started > ended)
          lost.push(`${name} ${id} ${status}: started ${started}, ended ${ended}`)
      }
      expect(firsts.size, 'two events for each run').toBe(runs.length * 2)
    }
    expect(lost).toEqual([])
    const messages = await nodes.query<{ count: number }>(
      'select count(*)::int as count from webhook_events where run_id is not null',
    )
    expect(messages[0]?.count, 'one message for each event and webhook').toBe(runs.length * 2 * webhooks.length)
  }

  /** Every run, as the API lists it. */
  async function listRuns(): Promise<{ id: string; status: string }[]> {
    const runs: { id: string; status: string }[] = []
    for (let after = ''; ; ) {
      const headers = { authorization: `Bearer ${nodes.firstRun.apiKey}`, 'x-app-id': nodes.firstRun.appId }
      const answer: Body = await (await fetch(`${nodes.url()}/api/runs?pageSize=100${after}`, { headers })).json()
      runs.push(...answer.data)
      if (answer.pagination.nextCursor === null) return runs
      after = `&after=${answer.pagination.nextCursor}`
    }
  }

  async function expectSoundAuditLog(): Promise<void> {
    const headers = await signIn(nodes.firstRun.url, nodes.firstRun)
    const answer: Body = await (await fetch(`${nodes.firstRun.url}/api/audit-log/verify`, { headers })).json()
    expect(answer).toMatchObject({ valid: true, unchained: 0, problems: [], next: null })
    // The log has at least one entry for each request of this test that changed something.
    expect(answer.entries).toBeGreaterThan(asked.size + schedulesCount)
  }
})

/** The full minutes after `from`, up to ten seconds before `to`. */
function minutesBetween(from: Date, to: Date): number[] {
  const first = Math.floor(from.getTime() / 60_000) * 60_000 + 60_000
  const minutes: number[] = []
  for (let minute = first; minute < to.getTime() - 10_000; minute += 60_000) minutes.push(minute)
  return minutes
}
