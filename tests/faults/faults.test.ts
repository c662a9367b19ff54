import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Body, Client } from '../client.ts'
import { until } from '../journeys.ts'
import { startFaultyInstance, type FaultyInstance } from './faulty-instance.ts'

const hasServices = process.env['TEST_DATABASE_URL'] !== undefined
type Answer = Awaited<ReturnType<Client['send']>>

describe.runIf(hasServices)('a server whose database or Redis fails', () => {
  let instance: FaultyInstance
  beforeAll(async () => {
    instance = await startFaultyInstance()
  }, 180_000)
  afterAll(() => instance.remove())
  // One failed test must not make the next ones fail.
  afterEach(async () => {
    await instance.database.restore()
    await instance.redis.restore()
  })

  const send: Client['send'] = (...request) => instance.client.send(...request)
  const ready = async () => {
    const response = await fetch(`${instance.url}/ready`)
    const body: Body = await response.json()
    return { status: response.status, body }
  }
  const isWell = () =>
    until(async () => (await ready()).status === 200 && (await send('GET /api/agents')).status === 200)
  const startRun = async () => {
    const file = await instance.client.upload('numbers.csv', 'item,amount\nshoes,41.50\nhat,18\n')
    return (await send('POST /api/runs', { agentId: instance.firstRun.agentId, files: [file] })).body
  }
  let made = 0
  const createEndUser = (headers: Record<string, string> = {}) =>
    send('POST /api/end-users', { externalId: `end-user ${(made += 1)}` }, headers)
  /** Every failure is a 503 that says when to try again, and is logged once as an error of the server. */
  const expectRetryable = async (answers: readonly Answer[]) => {
    const failed = answers.filter(({ status }) => status >= 300)
    expect(failed.map(({ status }) => status).filter((status) => status !== 503)).toEqual([])
    for (const { headers, body } of failed) {
      expect(Number(headers.get('retry-after')), JSON.stringify(body)).toBeGreaterThan(0)
      expect(body.type).toBe('https://appstrate.dev/errors/service-unavailable')
    }
    const logged = () =>
      instance
        .log()
        .filter(({ level, msg }) => level === 50 && msg === 'The request failed.')
        .map(({ requestId }) => String(requestId))
        .filter((id) => failed.some(({ body }) => body.requestId === id))
    // The log arrives through a pipe, so perhaps after the reply.
    await expect
      .poll(() => logged().sort(), { timeout: 15_000 })
      .toEqual(failed.map(({ body }) => body.requestId).sort())
    return failed
  }

  it('answers 503 to requests whose database connection is reset, and says what may have taken effect', async () => {
    const [answers, creations]: [Answer[], Answer[]] = [[], []]
    let isOver = false
    const load = Array.from({ length: 8 }, async (_, caller) => {
      while (!isOver) {
        if (caller % 2 === 0) answers.push(await send('GET /api/agents'))
        else creations.push(await createEndUser())
      }
    })
    for (let reset = 0; reset < 8; reset += 1) {
      await sleep(300)
      instance.database.reset()
    }
    isOver = true
    await Promise.all(load)
    const failed = await expectRetryable([...answers, ...creations])
    expect(failed.length).toBeGreaterThan(0)
    const uncertain = failed.filter(({ body }) => String(body.detail).includes('may have taken effect'))
    expect(answers.filter((answer) => uncertain.includes(answer))).toEqual([])
    const { rows } = await instance.direct.query(
      `select external_id from end_users where external_id like 'end-user %'`,
    )
    const succeeded = creations.filter(({ status }) => status === 201).length
    // Whatever was stored was reported as done, or as possibly done.
    expect(rows.length).toBeGreaterThanOrEqual(succeeded)
    expect(rows.length).toBeLessThanOrEqual(succeeded + uncertain.length)
    await isWell()
  }, 60_000)

  it('answers 503 while the database is away, is not ready, and works again afterwards', async () => {
    const run = await startRun()
    await instance.database.refuse()
    const answers = await Promise.all([send('GET /api/agents'), createEndUser(), send('GET /api/runs')])
    expect(await expectRetryable(answers)).toHaveLength(3)
    expect(await ready()).toMatchObject({
      status: 503,
      body: { reasons: expect.arrayContaining(['database is not reachable']) },
    })
    const signIn = await fetch(`${instance.url}/api/auth/sign-in/email`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: instance.url },
      body: JSON.stringify({ email: 'ada@example.com', password: 'correct horse battery' }),
    })
    expect([signIn.status, signIn.headers.get('retry-after')]).toEqual([503, '2'])
    const outages = () =>
      instance.log().filter(({ msg, job }) => job === 'relay-events' && String(msg).startsWith('The database'))
    await until(async () => outages().some(({ level }) => level === 40))
    await instance.database.restore()
    await isWell()
    // A run that was in progress continues.
    const ended = await instance.client.ended(run.id)
    expect(ended, JSON.stringify(ended.error)).toMatchObject({ status: 'success' })
    expect(outages().filter(({ level }) => level === 50)).toEqual([])
  }, 90_000)

  it('answers 503 to changes while the database is read-only, and says so when asked whether it is ready', async () => {
    const setReadOnly = async (value: 'on' | 'off') => {
      const alter = `alter database %I set default_transaction_read_only = ${value}`
      await instance.direct.query(`do $$ begin execute format('${alter}', current_database()); end $$`)
      await instance.direct.query(`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`)
    }
    await setReadOnly('on')
    await until(async () => (await ready()).body.reasons?.includes('database is read-only'))
    expect(await expectRetryable([await createEndUser()])).toHaveLength(1)
    expect((await send('GET /api/agents')).status).toBe(200)
    await instance.direct.query('set default_transaction_read_only = off')
    await setReadOnly('off')
    await isWell()
    expect((await createEndUser()).status).toBe(201)
  }, 60_000)

  it('works again soon after a network that lost answers, with nothing stuck', async () => {
    instance.database.swallow()
    const lost = Array.from({ length: 20 }, () => send('GET /api/agents'))
    await sleep(6_000)
    await instance.database.restore()
    await expectRetryable(await Promise.all(lost))
    await isWell()
    const run = await startRun()
    const ended = await instance.client.ended(run.id)
    expect(ended, JSON.stringify(ended.error)).toMatchObject({ status: 'success' })
  }, 60_000)

  it('keeps answering what needs no runs while the table of runs is locked', async () => {
    await instance.direct.query('begin')
    await instance.direct.query('lock table runs')
    const [agents, runs]: [Answer[], Answer[]] = [[], []]
    let isOver = false
    const load = Array.from({ length: 24 }, async () => {
      while (!isOver) {
        runs.push(await send('GET /api/runs'))
        // As a client does that obeys Retry-After, but sooner.
        await sleep(100)
      }
    })
    let degraded: unknown
    try {
      // From the first lock timeout on, the waits for the lock are bounded.
      await until(async () => runs.length > 0)
      for (let asked = 0; asked < 20; asked += 1) {
        agents.push(await send('GET /api/agents'))
        await sleep(50)
      }
      degraded = (await ready()).body.degraded
    } finally {
      isOver = true
      await instance.direct.query('rollback')
      await Promise.all(load)
    }
    expect(degraded).toEqual(['database keeps locked what some requests need'])
    expect(agents.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect((await expectRetryable(runs)).length).toBeGreaterThan(24)
    await until(async () => (await send('GET /api/runs')).status === 200)
  }, 60_000)

  it('replays creations by their idempotency key although Redis has stopped since', async () => {
    const creations = [
      ['POST /api/end-users', { externalId: 'kept' }],
      ['POST /api/webhooks', { url: 'http://127.0.0.1:1/hook', events: ['run.completed'] }],
      ['POST /api/schedules', { agentId: instance.firstRun.agentId, cronExpression: '0 0 1 1 *' }],
      ['POST /api/agents', { name: 'kept', displayName: 'Kept', prompt: 'Nothing.' }],
    ] as const
    const createAll = () =>
      Promise.all(creations.map(([route, body]) => send(route, body, { 'idempotency-key': 'kept once' })))
    const first = await createAll()
    expect(
      first.map(({ status }) => status),
      JSON.stringify(first),
    ).toEqual([201, 201, 201, 201])
    await instance.redis.refuse()
    const again = await createAll()
    expect(again.map(({ headers }) => headers.get('idempotent-replayed'))).toEqual(['true', 'true', 'true', 'true'])
    expect(again.map(({ body }) => body)).toEqual(first.map(({ body }) => body))
    expect((await ready()).body.degraded).toContain('redis is not reachable: limits are per process')
    await instance.redis.restore()
    await until(async () => (await ready()).body.degraded === undefined)
  }, 60_000)
})
