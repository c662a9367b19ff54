import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId, toWireId } from '../../../../platform/ids/id.ts'
import { eventually, openRunWorld, type RunWorld } from '../../../../testing/factories/run-world.ts'
import { startWorker, type Worker } from '../../queue/index.ts'
import { runLimits } from './limits.ts'

const keptMax = { logLines: 1_000, reportBytes: 1_048_576 }
const section = { name: 'report', arguments: { content: 'ü'.repeat(50_000) } }
const six = Array.from({ length: 6 }, () => section)
const outputOf = (s: string) => ({ name: 'output', arguments: { s } })
const line = { name: 'log', arguments: { message: 'At work.' } }

describe('what a model adds to its run', () => {
  let world: RunWorld
  beforeAll(async () => {
    world = await openRunWorld()
    world.models.registerScenario('reports', {
      steps: [{ toolCalls: six }, { toolCalls: six }, { toolCalls: [section] }, { text: 'Done.' }],
    })
    world.models.registerScenario('logs', {
      steps: [
        ...Array.from({ length: 9 }, () => ({ toolCalls: Array.from({ length: 120 }, () => line) })),
        { text: 'Done.' },
      ],
    })
    world.models.registerScenario('slow', {
      steps: [{ toolCalls: [outputOf(`${'a'.repeat(60)}!`)] }, { toolCalls: [outputOf('aaa')] }, { text: 'Done.' }],
    })
    world.models.registerScenario('deep', {
      steps: [
        { toolCalls: [{ name: 'output', argumentsText: `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}` }] },
        { text: 'Done.' },
      ],
    })
  })
  afterAll(() => world.close())

  const resultsOf = async (runId: string) => {
    const rows = await world.platform.db
      .selectFrom('run_events')
      .select('data')
      .where('run_id', '=', parseWireId('run', runId) ?? '')
      .where('event', '=', 'tool_finished')
      .orderBy('seq')
      .execute()
    return rows.map(({ data }) => Object(data).isError)
  }

  it('is at most 1 MiB of report: the model learns that a section was not added', async () => {
    const actor = await world.actor('reports', { tools: ['report'] })
    const { body } = await actor.runToEnd()
    expect(body.status, JSON.stringify(body.error)).toBe('success')
    expect(await resultsOf(body.id)).toEqual([...Array(10).fill(false), true, true, true])
    expect(Buffer.byteLength(body.report)).toBeLessThan(keptMax.reportBytes)
  })

  it('is at most 1,000 lines of log', async () => {
    const actor = await world.actor('logs', { tools: ['log'] })
    const { body } = await actor.runToEnd()
    expect(body.status, JSON.stringify(body.error)).toBe('success')
    const results = await resultsOf(body.id)
    expect(results.filter((isError) => !isError)).toHaveLength(keptMax.logLines)
    expect(results).toHaveLength(9 * 120)
  }, 60_000)

  it('has no output whose check takes too long: the model learns it', async () => {
    const output = { type: 'object', properties: { s: { type: 'string', pattern: '^(a+)+$' } } }
    const actor = await world.actor('slow', { output })
    const { body } = await actor.runToEnd()
    expect(body, JSON.stringify(body.error)).toMatchObject({ status: 'success', output: { s: 'aaa' } })
    expect(await resultsOf(body.id)).toEqual([true, false])
  }, 60_000)

  it('has no arguments that are nested too deeply for the database', async () => {
    const actor = await world.actor('deep', { tools: ['output'] })
    const { body } = await actor.runToEnd()
    expect(body, JSON.stringify(body.error)).toMatchObject({ status: 'success', output: null })
    expect(await resultsOf(body.id)).toEqual([true])
  })
})

describe('a resumed run', { timeout: 60_000 }, () => {
  let world: RunWorld
  let worker: Worker
  beforeAll(async () => {
    world = await openRunWorld({ worker: false })
    world.models.registerScenario('one-line', { steps: [{ toolCalls: [line] }, { text: 'Done.' }] })
  })
  afterAll(async () => {
    await worker.stop()
    await world.close()
  })

  /** A run that was interrupted after so many entries. */
  const interrupted = async (event: string, count: number, characters = 1) => {
    const actor = await world.actor('one-line', { tools: ['log'] })
    const id = parseWireId('run', (await actor.start()).body.id) ?? ''
    await sql`
      insert into run_events
        (run_id, seq, id, organization_id, application_id, agent_id, kind, type, level, event, message)
      select id, last_seq + n, gen_random_uuid(), organization_id, application_id, agent_id,
        'run_log', 'progress', 'info', ${event}, repeat('x', ${characters})
      from runs, generate_series(1, ${count}::int) as n where id = ${id}`.execute(world.platform.db)
    await sql`update runs set status = 'running', attempt = 1, last_seq = last_seq + ${count}, started_at = now()
      where id = ${id}`.execute(world.platform.db)
    return { actor, id }
  }

  it('continues to count the lines, the entries and the bytes of its log', async () => {
    const full = await interrupted('progress', keptMax.logLines)
    const many = await interrupted('model_retry', runLimits.entriesMax)
    const large = await interrupted('model_retry', 64, 1_048_576)
    worker = await startWorker({
      platform: world.platform,
      detection: { available: false, reason: 'None is needed.' },
      sandboxesMax: 1,
    })
    const ended = ({ actor, id }: typeof full) =>
      eventually(async () => {
        const { body } = await actor.send(`GET /api/runs/${toWireId('run', id)}`)
        return body.completedAt === null ? undefined : body
      }, 50_000)
    expect((await ended(full)).status).toBe('success')
    const lines = await sql<{ count: number }>`
      select count(*) from run_events where run_id = ${full.id} and event = 'progress'`.execute(world.platform.db)
    expect(lines.rows).toEqual([{ count: keptMax.logLines }])
    expect(await ended(many)).toMatchObject({ status: 'failed', error: { code: 'log-limit' } })
    expect(await ended(large)).toMatchObject({ status: 'failed', error: { code: 'log-limit' } })
  })
})
