import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVersionRegistry } from '../../../platform/api-versions/api-version.ts'
import { insertRun } from '../../../testing/factories/run.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { contentSeals } from '../../accounts/end-users/index.ts'
import { toRecordOf } from './testing/record-of.ts'
import type { WebhookEvent } from './delivery.ts'
import { renderEvent, toVersionOf } from './render-event.ts'
import { newUuid, parseWireId } from '../../../platform/ids/id.ts'

const renamed = (object: unknown) => ({ ...toRecordOf(object), result: 'renamed' })
const versions = createVersionRegistry([
  { date: '2027-01-01', changes: [] },
  { date: '2026-03-21', changes: [{ appliesTo: 'event:run.completed', downgradeReply: renamed }] },
])

describe('the body that a webhook gets', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ versions })
  })
  afterAll(() => world.close())

  async function eventOf(
    fields: { endUser?: string; type?: string; payload?: Record<string, unknown>; run?: Record<string, unknown> } = {},
  ) {
    const tenant = await world.tenant()
    const endUser = fields.endUser === undefined ? undefined : await tenant.endUser()
    const run = await insertRun(world.platform, tenant, {
      status: 'success',
      ...(endUser === undefined ? {} : { endUser }),
    })
    const { organizationId, applicationId } = tenant
    const event: WebhookEvent = {
      id: newUuid(),
      organizationId,
      applicationId,
      webhookId: newUuid(),
      type: fields.type ?? 'run.completed',
      runId: run.id,
      endUserId: endUser === undefined ? null : (parseWireId('eu', endUser) ?? null),
      payload: { id: run.wireId, status: 'success', ...fields.payload },
      createdAt: new Date(),
    }
    return { event, run }
  }

  const render = async (
    event: WebhookEvent,
    webhook: { payloadMode?: 'full' | 'summary'; apiVersion?: string } = {},
  ) => {
    const { data, apiVersion } = await renderEvent(
      world.platform,
      { payloadMode: 'full', apiVersion: '2027-01-01', ...webhook },
      event,
    )
    return { object: toRecordOf(data.object), apiVersion }
  }
  const set = (id: string, values: { output?: string; report?: string; input?: string }) =>
    world.platform.db.updateTable('runs').set(values).where('id', '=', id).execute()

  it('is in the version of the webhook', async () => {
    const { event } = await eventOf()
    expect(await render(event)).toMatchObject({
      apiVersion: '2027-01-01',
      object: { object: 'run', status: 'success' },
    })
    expect((await render(event)).object).not.toHaveProperty('result')
    expect(await render(event, { apiVersion: '2026-03-21' })).toMatchObject({
      apiVersion: '2026-03-21',
      object: { result: 'renamed' },
    })
  })

  it('has the content of the run, unless the webhook wants summaries', async () => {
    const { event, run } = await eventOf()
    await set(run.id, { output: JSON.stringify({ total: 5 }), report: 'Done.', input: JSON.stringify({ n: 1 }) })
    expect((await render(event)).object).toMatchObject({
      output: { total: 5 },
      report: 'Done.',
      input: { n: 1 },
      config: {},
      metadata: {},
    })
    expect(Object.keys((await render(event, { payloadMode: 'summary' })).object).sort()).toEqual([
      'id',
      'object',
      'status',
    ])
  })

  it('has no later data in the event of a start', async () => {
    const { event, run } = await eventOf({ type: 'run.started' })
    await set(run.id, { output: JSON.stringify({ total: 5 }), report: 'Done.' })
    expect((await render(event)).object).toMatchObject({ output: null, report: null, input: {} })
  })

  it('omits an output that is too large', async () => {
    const { event, run } = await eventOf()
    await set(run.id, { output: JSON.stringify('x'.repeat(300_000)) })
    const { object } = await render(event)
    expect(object).toMatchObject({ outputTruncated: true, report: null })
    expect(object).not.toHaveProperty('output')
  })

  it("has an end-user's content as long as their key exists", async () => {
    const { event, run } = await eventOf({ endUser: 'yes' })
    const { applicationId, endUserId } = event
    const seals = world.platform.use(contentSeals)
    const seal = await seals.of(world.platform.db, { applicationId, endUserId })
    await set(run.id, { output: JSON.stringify(seal.seal({ total: 5 })), report: seal.sealText('Done.') })
    const failed = {
      ...event,
      payload: { ...event.payload, error: { code: 'failed', message: seal.sealText('No luck.') } },
    }
    expect((await render(failed)).object).toMatchObject({
      output: { total: 5 },
      report: 'Done.',
      error: { code: 'failed', message: 'No luck.' },
    })
    await world.platform.db.deleteFrom('end_user_keys').where('end_user_id', '=', endUserId).execute()
    seals.forget('*')
    const { object } = await render(failed)
    expect(object).toMatchObject({ output: null })
    expect(JSON.stringify(object)).not.toMatch(/sealed|No luck|Done/)
  })
})

describe('an event in the version of a webhook', () => {
  const versions = createVersionRegistry([
    { date: '2026-03-21', changes: [] },
    {
      date: '2025-06-01',
      changes: [
        { appliesTo: 'event:run.completed', downgradeReply: (body) => ({ ...Object(body), type: 'run.success' }) },
      ],
    },
    {
      date: '2025-01-01',
      changes: [{ appliesTo: 'event:run.completed', downgradeReply: (body) => ({ event: Object(body).type }) }],
    },
  ])
  const payload = { type: 'run.completed', created: 1 }
  const shown = (apiVersion: string, type = 'run.completed') =>
    toVersionOf({ versions }, { apiVersion }, { type, payload })

  it('downgrades along the chain to the version of the webhook', () => {
    expect(shown('2026-03-21')).toEqual(payload)
    expect(shown('2025-06-01')).toEqual({ type: 'run.success', created: 1 })
    expect(shown('2025-01-01')).toEqual({ event: 'run.success' })
  })

  it('leaves other events as they are', () => {
    expect(shown('2025-01-01', 'run.failed')).toEqual(payload)
  })
})
