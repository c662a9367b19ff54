import { writeFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { eventually, openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'
import { openSse } from '../../delivery/realtime/testing/sse-stream.ts'
import { findTraces } from './testing/find-traces.ts'
import { contentOf, leavingActor, runOnFile } from './testing/leave-everything.ts'

const mark = 'MARK-OF-THE-END-USER'

describe("an end-user's content", () => {
  let world: RunWorld
  let actor: Actor
  beforeAll(async () => {
    world = await openRunWorld()
    actor = await leavingActor(world)
  })
  afterAll(() => world.close())

  it('is encrypted at rest, and readable for those who may read it', { timeout: 60_000 }, async () => {
    const eu = await actor.endUser()
    const send = actor.sendAs(eu)
    const { run, runId, fileId } = await runOnFile(send, actor.agentId, mark)
    expect(run).toMatchObject({
      status: 'success',
      endUserId: eu,
      input: { note: mark },
      config: { note: mark },
      metadata: { note: mark },
      output: { note: mark },
      report: `${mark}\n\nSecond section.`,
    })
    expect(await findTraces(world, mark)).toEqual([])
    expect(world.logLines.filter((line) => line.includes(mark))).toEqual([])
    for (const reader of [send, actor.send]) {
      expect((await reader(`GET /api/runs/${runId}`)).body).toEqual(run)
      const logs = (await reader(`GET /api/runs/${runId}/logs`, { query: { pageSize: 100 } })).body.data
      expect(logs.find(({ event }: { event: string }) => event === 'progress').message).toBe(mark)
      expect(logs.find(({ event }: { event: string }) => event === 'output').data).toEqual({ note: mark })
      expect(JSON.stringify(logs)).not.toContain('$sealed')
      expect((await reader(`GET /api/files/${fileId}`)).body.name).toBe(`${mark}.csv`)
      const [made] = (await reader(`GET /api/runs/${runId}/files`)).body.data
      expect(made).toMatchObject({ name: `${mark}.csv`, size: contentOf(mark).length })
      for (const id of [fileId, made.id]) {
        const whole = await reader(`GET /api/files/${id}/content`)
        expect([whole.status, whole.text === contentOf(mark)]).toEqual([200, true])
        const part = await reader(`GET /api/files/${id}/content`, { headers: { range: 'bytes=65530-65550' } })
        expect([part.status, part.text]).toEqual([206, contentOf(mark).slice(65_530, 65_551)])
      }
    }
    expect((await send('GET /api/files')).body.data.map(({ name }: { name: string }) => name)).toEqual([
      `${mark}.csv`,
      `${mark}.csv`,
    ])
    const stream = await openSse(`${world.url}/api/realtime/runs/${runId}?token=${actor.apiKey}&endUser=${eu}`)
    await stream.closed()
    expect(stream.text).toContain(mark)
    expect(stream.text).not.toContain('$sealed')
  })

  it('reaches the model in clear', async () => {
    const eu = await actor.endUser()
    await runOnFile(actor.sendAs(eu), actor.agentId, `${mark}-for-the-model`)
    const asked = JSON.stringify(world.models.requests.last()?.body)
    expect(asked).toContain(`${mark}-for-the-model.csv (`)
    expect(asked).not.toContain('$sealed')
  })

  it('is encrypted in an error that quotes it, in the run, its events and the outbox; the code is not', async () => {
    world.models.registerScenario('quoted', {
      steps: [{ text: 'I say {{input.note}}.' }, { text: 'I say {{input.note}}.' }, { text: 'I say {{input.note}}.' }],
    })
    const failing = await world.actor('quoted', {
      output: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
    })
    const eu = await failing.endUser()
    const { body } = await failing.sendAs(eu)('POST /api/runs', {
      body: { agentId: failing.agentId, input: { note: `${mark}-quoted` } },
      headers: { prefer: 'wait=60' },
    })
    expect(body.status).toBe('failed')
    expect(body.error.message).toContain(`${mark}-quoted`)
    expect(await findTraces(world, `${mark}-quoted`)).toEqual([])
    const outbox = await world.platform.db
      .selectFrom('outbox')
      .select('payload')
      .where('run_id', '=', parseWireId('run', body.id) ?? '')
      .orderBy('id', 'desc')
      .executeTakeFirstOrThrow()
    expect(outbox.payload).toMatchObject({
      status: 'failed',
      error: { code: body.error.code, message: expect.stringContaining('$sealed') },
    })
    expect((await failing.send('GET /api/runs')).body.data[0].error).toEqual(body.error)
    const stream = await openSse(`${world.url}/api/realtime/runs/${body.id}?token=${failing.apiKey}`)
    await stream.closed()
    expect(stream.runEvents.at(-1)?.data.error).toEqual(body.error)
  })

  it('is read again when an interrupted run resumes', { timeout: 60_000 }, async () => {
    world.models.registerScenario('interrupted', {
      steps: [
        { text: 'Noted {{input.note}}.', toolCalls: [{ name: 'log', arguments: { message: '{{input.note}}' } }] },
        { delayMs: 1500, text: '', toolCalls: [{ name: 'output', arguments: { note: '{{input.note}}' } }] },
        { text: 'Done.' },
      ],
    })
    const interrupted = await world.actor('interrupted', { tools: ['log', 'output'] })
    const send = interrupted.sendAs(await interrupted.endUser())
    const { body } = await send('POST /api/runs', {
      body: { agentId: interrupted.agentId, input: { note: `${mark}-resumed` } },
    })
    const id = parseWireId('run', body.id) ?? ''
    const logged = async () =>
      (await interrupted.logs(body.id)).some(({ event }) => event === 'tool_finished') ? true : undefined
    await eventually(logged)
    await sql`update runs set worker_id = null where id = ${id}`.execute(world.platform.db)
    const ended = await eventually(async () => {
      const run = (await send(`GET /api/runs/${body.id}`)).body
      return run.status === 'success' ? run : undefined
    }, 30_000)
    expect(ended.output).toEqual({ note: `${mark}-resumed` })
    expect((await interrupted.logs(body.id)).filter(({ event }) => event === 'run_resumed')).toHaveLength(1)
    const asked = world.models.requests.list().map(({ body: request }) => JSON.stringify(request))
    expect(asked.some((text) => text.includes(`Noted ${mark}-resumed.`))).toBe(true)
    expect(asked.filter((text) => text.includes('$sealed'))).toEqual([])
    expect(await findTraces(world, `${mark}-resumed`)).toEqual([])
  })

  it('is encrypted in a reply that is kept for a replay', async () => {
    const send = actor.sendAs(await actor.endUser())
    const start = () =>
      send('POST /api/runs', {
        body: { agentId: actor.agentId, input: { note: `${mark}-replayed` } },
        headers: { 'idempotency-key': 'replay' },
      })
    const [first, again] = [await start(), await start()]
    expect([again.body, again.headers.get('idempotent-replayed')]).toEqual([first.body, 'true'])
    expect(first.body.input).toEqual({ note: `${mark}-replayed` })
    expect(await findTraces(world, `${mark}-replayed`)).toEqual([])
  })

  it('is refused when its bytes were changed on disk', async () => {
    const send = actor.sendAs(await actor.endUser())
    const form = new FormData()
    form.set('file', new Blob(['x'.repeat(1000)]), 'x.txt')
    const fileId = String((await send('POST /api/files', { rawBody: form })).body.id)
    const path = join(world.platform.config.DATA_DIR, 'blobs')
    const name =
      (await readdir(path, { recursive: true })).find((each) => each.endsWith(parseWireId('file', fileId) ?? '?')) ?? ''
    await writeFile(join(path, name), Buffer.alloc(1016))
    const answer = await send(`GET /api/files/${fileId}/content`).catch((error: unknown) => error)
    expect(answer instanceof Error || Object(answer).status >= 500).toBe(true)
  })

  it('is not encrypted when it belongs to no end-user', async () => {
    const { runId } = await runOnFile(actor.send, actor.agentId, `${mark}-of-nobody`)
    const row = await world.platform.db
      .selectFrom('runs')
      .select(['input', 'report'])
      .where('id', '=', parseWireId('run', runId) ?? '')
      .executeTakeFirstOrThrow()
    expect(row).toEqual({ input: { note: `${mark}-of-nobody` }, report: `${mark}-of-nobody\n\nSecond section.` })
  })

  it('is read in clear when it was stored before data keys existed', async () => {
    const eu = await actor.endUser()
    const { runId } = await runOnFile(actor.send, actor.agentId, `${mark}-old`)
    const id = parseWireId('run', runId) ?? ''
    const endUserId = parseWireId('eu', eu) ?? ''
    for (const table of ['runs', 'run_events', 'files'])
      await sql`
        update ${sql.table(table)} set end_user_id = ${endUserId}
        where ${sql.ref(table === 'runs' ? 'id' : 'run_id')} = ${id}`.execute(world.platform.db)
    const send = actor.sendAs(eu)
    expect((await send(`GET /api/runs/${runId}`)).body).toMatchObject({
      input: { note: `${mark}-old` },
      report: `${mark}-old\n\nSecond section.`,
    })
    const [made] = (await send(`GET /api/runs/${runId}/files`)).body.data
    expect((await send(`GET /api/files/${made.id}/content`)).text).toBe(contentOf(`${mark}-old`))
    expect((await send(`GET /api/runs/${runId}/logs`)).body.data.length).toBeGreaterThan(3)
  })
})
