import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId, toWireId } from '../../../platform/ids/id.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { eventually, openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'
import {
  appendEvents,
  modelAnswer,
  runColumns,
  runReleased,
  runResumed,
  runUpdate,
  sealEntries,
  toRun,
} from '../runs/index.ts'
import { plainSeal } from '../../accounts/end-users/index.ts'
import type { StepAnswer } from '../../catalog/models/index.ts'
import { createWorkspace } from '../sandboxes/index.ts'
import { workspaceRoot } from '../tools/index.ts'
import { startWorker, type Worker } from './worker.ts'

const deadlineMs = 60_000

describe('an interrupted run', { timeout: 2 * deadlineMs }, () => {
  let world: RunWorld
  let worker: Worker | undefined
  beforeAll(async () => {
    world = await openRunWorld({ worker: false, environment: { FILE_SIZE_MAX: '1000' } })
  })
  afterEach(async () => {
    await worker?.stop()
    worker = undefined
    await sql`truncate workers, runs cascade`.execute(world.platform.db)
  })
  afterAll(() => world.close())

  const work = async () => {
    worker = await startWorker({
      platform: world.platform,
      detection: { available: false, reason: 'None is needed.' },
      sandboxesMax: 1,
    })
    return worker
  }
  const uuidOf = (wireId: string) => parseWireId('run', wireId) ?? ''
  const ended = (actor: Actor, runId: string) =>
    eventually(async () => {
      const { body } = await actor.send(`GET /api/runs/${runId}`)
      return body.completedAt === null ? undefined : body
    }, deadlineMs)

  /** Starts a run and interrupts it: its journal has one answer, or none. */
  const interrupt = async (
    actor: Actor,
    answer?: Pick<StepAnswer, 'text' | 'finishReason'>,
    startedAgo = '1 second',
  ) => {
    const { body } = await actor.start()
    const [id, modelId] = [uuidOf(body.id), String(body.modelId)]
    await world.platform.db.transaction().execute(async (tx) => {
      await sql`update runs 
        set status = 'running', attempt = 1, worker_id = null, input_tokens = 7,
          started_at = now() - ${startedAgo}::interval
        where id = ${id}`.execute(tx)
      if (answer === undefined) return
      const usage = { inputTokens: 7, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }
      const call = { startedAt: new Date().toISOString(), durationMs: 0, firstTokenMs: null, modelId, contextTokens: 7 }
      const entry = modelAnswer({ ...answer, toolCalls: [], usage }, { step: 1, cost: '0', call })
      await appendEvents(tx, { id }, sealEntries(plainSeal, [entry]))
    })
    return String(body.id)
  }

  it.each([
    ['stop', 'success', null],
    ['length', 'failed', 'answer-cut'],
    ['content-filter', 'failed', 'answer-filtered'],
  ] as const)(
    'ends like an uninterrupted run when its last answer ended with %s',
    async (finishReason, status, code) => {
      const actor = await world.actor('hello')
      const runId = await interrupt(actor, { text: 'And so', finishReason })
      await work()
      const run = await ended(actor, runId)
      expect([run.status, run.error?.code ?? null]).toEqual([status, code])
      expect((await actor.logs(runId)).filter(({ event }) => event === 'model_answer')).toHaveLength(1)
    },
  )

  /** Interrupts a run many times: its journal has these events, in this order, after that of its start. */
  const interruptOften = async (actor: Actor, events: readonly ('run_resumed' | 'run_released' | 'answer')[]) => {
    const runId = await interrupt(actor)
    const id = uuidOf(runId)
    await world.platform.db.transaction().execute(async (tx) => {
      const row = await tx.selectFrom('runs').select(runColumns).where('id', '=', id).executeTakeFirstOrThrow()
      const run = toRun(row)
      await appendEvents(tx, { id }, [runUpdate(run, 'started')])
      const usage = { inputTokens: 1, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }
      const modelId = toWireId('model', run.modelRowId ?? '')
      const call = { startedAt: new Date().toISOString(), durationMs: 0, firstTokenMs: null, modelId, contextTokens: 1 }
      const entries = events.map((event) =>
        event === 'run_resumed'
          ? runResumed(2)
          : event === 'run_released'
            ? runReleased('handover')
            : modelAnswer({ text: 'Done.', toolCalls: [], usage, finishReason: 'stop' }, { step: 1, cost: '0', call }),
      )
      await appendEvents(tx, { id }, sealEntries(plainSeal, entries))
      const attempt = 1 + events.filter((event) => event === 'run_resumed').length
      await tx.updateTable('runs').set({ attempt }).where('id', '=', id).execute()
    })
    return runId
  }
  const times = <T>(count: number, ...items: T[]) => Array.from({ length: count }, () => items).flat()

  it('goes on after any number of interruptions when it got further between them', async () => {
    const actor = await world.actor('hello')
    const runId = await interruptOften(actor, [
      ...times(15, 'run_resumed' as const),
      'answer',
      ...times(15, 'run_resumed' as const),
    ])
    await work()
    expect(await ended(actor, runId)).toMatchObject({ status: 'success', error: null })
  })

  it('goes on after any number of interruptions by its workers themselves', async () => {
    const actor = await world.actor('hello')
    const runId = await interruptOften(actor, times(30, 'run_released' as const, 'run_resumed' as const))
    await work()
    expect(await ended(actor, runId)).toMatchObject({ status: 'success', error: null })
  })

  it.each([
    [18, 'success', null],
    [19, 'failed', 'too-many-attempts'],
  ] as const)(
    'after %i interruptions without getting further, one more ends it with %s',
    async (count, status, code) => {
      const actor = await world.actor('hello')
      const runId = await interruptOften(actor, times(count, 'run_resumed' as const))
      await work()
      const run = await ended(actor, runId)
      expect([run.status, run.error?.code ?? null]).toEqual([status, code])
    },
  )

  it('times out when its time has passed, and keeps its usage', async () => {
    const actor = await world.actor('long-wait', { timeoutSeconds: 3000 })
    const runId = await interrupt(actor, undefined, '1 hour')
    await work()
    expect(await ended(actor, runId)).toMatchObject({
      status: 'timeout',
      error: { code: 'timeout' },
      usage: { inputTokens: 7 },
    })
  })

  it('fails with the reason when its model was deleted meanwhile', async () => {
    const actor = await world.actor('hello')
    const { body } = await actor.start()
    await world.platform.db.deleteFrom('models').where('organization_id', '=', actor.organizationId).execute()
    await work()
    expect(await ended(actor, body.id)).toMatchObject({ status: 'failed', error: { code: 'model-gone' } })
  })

  it('keeps the output files that can be kept, and lists the others', async () => {
    const actor = await world.actor('hello')
    const runId = await interrupt(actor, { text: 'Done.', finishReason: 'stop' })
    const { dir } = await createWorkspace(workspaceRoot(world.platform), uuidOf(runId))
    for (const [name, size] of [
      ['a.txt', 10],
      ['b.bin', 1_001],
      ['c.txt', 10],
    ] as const)
      await writeFile(join(dir, 'output', name), 'x'.repeat(size))
    await work()
    expect((await ended(actor, runId)).status).toBe('success')
    const files = (await actor.send(`GET /api/runs/${runId}/files`)).body.data
    expect(files.map(({ name }: { name: string }) => name).sort()).toEqual(['a.txt', 'c.txt'])
    const entries = (await actor.logs(runId)).filter(({ event }) => event === 'output_not_kept')
    expect(entries).toMatchObject([
      {
        message: 'Not all output was kept: b.bin is larger than 1000 bytes.',
        data: { lost: [{ path: 'b.bin' }], isMore: false },
      },
    ])
  })

  it('is released by a worker that holds its lease without executing it', async () => {
    const actor = await world.actor('hello')
    await work()
    const { id: workerId } = await world.platform.db.selectFrom('workers').select('id').executeTakeFirstOrThrow()
    const run = await world.platform.db.transaction().execute(async (tx) => {
      const inserted = await insertRun({ db: tx }, actor)
      await tx.updateTable('runs').set({ worker_id: workerId, attempt: 1 }).where('id', '=', inserted.id).execute()
      return inserted
    })
    // It has no model, which only its execution detects.
    expect((await ended(actor, run.wireId)).status).toBe('failed')
    expect((await actor.logs(run.wireId)).map(({ event }) => event)).toContain('run_resumed')
  })

  it('is not leased after its worker has stopped, also when it was just being claimed', async () => {
    const actor = await world.actor('long-wait')
    await Promise.all(Array.from({ length: 10 }, () => actor.start()))
    await (await work()).stop()
    // Time for a claim in flight to arrive.
    await sleep(500)
    const held = await world.platform.db.selectFrom('runs').select('id').where('worker_id', 'is not', null).execute()
    expect(held).toEqual([])
  })
})

it('measures the timeout with the clock of the database, not of the worker', { timeout: 2 * deadlineMs }, async () => {
  const world = await openRunWorld({ clock: { now: () => new Date(Date.now() + 3_600_000) } })
  try {
    const actor = await world.actor('hello')
    expect((await actor.runToEnd()).body).toMatchObject({ status: 'success', error: null })
  } finally {
    await world.close()
  }
})
