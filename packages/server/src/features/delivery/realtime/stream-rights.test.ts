import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { appendEvent, insertRun, type InsertedRun } from '../../../testing/factories/run.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { Send } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import { apiKeysFeature } from '../../accounts/api-keys/index.ts'
import { applicationsFeature } from '../../accounts/applications/index.ts'
import { realtimeFeature } from './index.ts'
import { openSse, type SseStream } from './testing/sse-stream.ts'

describe('the streams of an API key', () => {
  let world: World
  let tenant: Tenant
  let run: InsertedRun
  let asOwner: Send
  const opened: SseStream[] = []
  beforeAll(async () => {
    world = await openWorld({ features: [realtimeFeature, apiKeysFeature, applicationsFeature] })
    tenant = await world.tenant()
    run = await insertRun(world.platform, tenant)
    asOwner = (await tenant.session()).send
  })
  afterAll(async () => {
    for (const stream of opened) stream.close()
    await world.close()
  })

  const open = async (secret: string) => {
    const streams = await Promise.all(
      ['runs', `runs/${run.wireId}`, `agents/${run.agent.wireId}/runs`].map((path) =>
        openSse(`${world.url}/api/realtime/${path}?token=${secret}`),
      ),
    )
    opened.push(...streams)
    for (const stream of streams) await stream.until(() => stream.events.length > 0)
    return streams
  }
  const newKey = async (): Promise<{ id: string; key: string }> => {
    const body = { name: 'streams', scopes: ['runs:read', 'agents:read'] }
    return (await asOwner('POST /api/api-keys', { body })).body
  }
  const expectOpen = async (streams: readonly SseStream[]) => {
    await appendEvent(world.platform, run, { message: 'to all that may read' })
    for (const stream of streams)
      await stream.until(() => stream.runEvents.some(({ data }) => data.message === 'to all that may read'))
  }

  it('end when the key loses the right to read runs', async () => {
    const { id, key } = await newKey()
    const streams = await open(key)
    expect((await asOwner(`PATCH /api/api-keys/${id}`, { body: { scopes: ['runs:read'] } })).status).toBe(200)
    await expectOpen(streams)
    expect((await asOwner(`PATCH /api/api-keys/${id}`, { body: { scopes: ['agents:read'] } })).status).toBe(200)
    for (const stream of streams) await stream.closed()
  })

  it('end when a rotation replaces the secret at once; those of the new secret go on', async () => {
    const { id, key } = await newKey()
    const streams = await open(key)
    const rotated = await asOwner(`POST /api/api-keys/${id}/rotate`, { body: { overlapSeconds: 0 } })
    expect(rotated.status).toBe(200)
    const renewed = await open(rotated.body.key)
    for (const stream of streams) await stream.closed()
    await expectOpen(renewed)
  })

  it('end when the overlap of a rotation ends, without another change', async () => {
    const { id, key } = await newKey()
    const before = await open(key)
    const rotated = await asOwner(`POST /api/api-keys/${id}/rotate`, { body: { overlapSeconds: 2 } })
    expect(rotated.status).toBe(200)
    const during = await open(key)
    const renewed = await open(rotated.body.key)
    await expectOpen(before)
    for (const stream of [...before, ...during]) await stream.closed()
    await expectOpen(renewed)
  })

  it('end when their application is deleted, also those of a session', async () => {
    const sibling = await tenant.sibling()
    const { cookie } = await tenant.session()
    const ids = { cookie, 'x-org-id': tenant.orgId, 'x-app-id': sibling.appId }
    const stream = await openSse(`${world.url}/api/realtime/runs`, ids)
    opened.push(stream)
    await stream.until(() => stream.events.length > 0)
    const kept = await open(tenant.apiKey)
    expect((await asOwner(`DELETE /api/applications/${sibling.appId}`)).status).toBe(204)
    await stream.closed()
    await expectOpen(kept)
  })

  it('go on when its creator has a lower role that may read runs, and end when they leave', async () => {
    const { platform } = world
    const { key } = await newKey()
    const streams = await open(key)
    const setRole = (role: 'owner' | 'viewer') =>
      platform.db.updateTable('organization_members').set({ role }).where('user_id', '=', tenant.userId).execute()
    await setRole('viewer')
    platform.wake.wake('keys', '*')
    await expectOpen(streams)
    await platform.db.deleteFrom('organization_members').where('user_id', '=', tenant.userId).execute()
    platform.wake.wake('keys', '*')
    for (const stream of streams) await stream.closed()
  })
})
