import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseWireId } from '../../../platform/ids/id.ts'
import { expectProblem } from '../../../testing/describe-endpoint.ts'
import { openRunWorld, type Actor, type RunWorld } from '../../../testing/factories/run-world.ts'
import { requester, type Send } from '../../../testing/request.ts'

describe('a request on behalf of an end-user', () => {
  let world: RunWorld
  let actor: Actor
  beforeAll(async () => {
    world = await openRunWorld()
    actor = await world.actor('hello')
  })
  afterAll(() => world.close())

  const entriesOf = (requestId: string | null) =>
    world.platform.db
      .selectFrom('audit_log')
      .selectAll()
      .where('request_id', '=', requestId ?? '')
      .where('action', '=', 'end-user.impersonated')
      .execute()

  async function thingsOf(send: Send) {
    const form = new FormData()
    form.set('file', new Blob(['x']), 'x.txt')
    const file = await send('POST /api/files', { rawBody: form })
    const run = await send('POST /api/runs', {
      body: { agentId: actor.agentId, files: [file.body.id] },
      headers: { prefer: 'wait=60' },
    })
    expect([file.status, run.status], run.text).toEqual([201, 200])
    return { fileId: String(file.body.id), runId: String(run.body.id) }
  }

  it('finds no resource of another end-user on the routes of runs, files and streams', {
    timeout: 60_000,
  }, async () => {
    const [me, other] = [await actor.endUser(), await actor.endUser()]
    const mine = actor.sendAs(me)
    const own = await thingsOf(mine)
    const theirs = await thingsOf(actor.sendAs(other))
    const routes = ({ runId, fileId }: typeof own) => [
      `GET /api/runs/${runId}`,
      `GET /api/runs/${runId}/logs`,
      `GET /api/runs/${runId}/files`,
      `GET /api/realtime/runs/${runId}`,
      `GET /api/files/${fileId}`,
      `GET /api/files/${fileId}/content`,
    ]
    const changes = ({ runId, fileId }: typeof own) => [
      `POST /api/runs/${runId}/cancel`,
      `DELETE /api/runs/${runId}`,
      `DELETE /api/files/${fileId}`,
    ]
    for (const route of [...routes(theirs), ...changes(theirs)]) expect((await mine(route)).status, route).toBe(404)
    for (const route of routes(own)) expect((await mine(route)).status, route).toBe(200)
    const started = await mine('POST /api/runs', { body: { agentId: actor.agentId, files: [theirs.fileId] } })
    expectProblem(undefined, started, 'run-not-ready')
    for (const list of ['GET /api/runs', 'GET /api/files', `GET /api/runs?agentId=${actor.agentId}`]) {
      const { data } = (await mine(list)).body
      expect(data.length, list).toBeGreaterThan(0)
      expect(JSON.stringify(data), list).not.toContain(list.includes('files') ? theirs.fileId : theirs.runId)
    }
    expect((await actor.send('GET /api/runs')).body.pagination.total).toBe(2)
  })

  it('requires an API key, and an end-user of its application', async () => {
    const me = await actor.endUser()
    const { cookie } = await actor.session()
    const byCookie = requester(world.url, {
      cookie,
      'x-org-id': actor.orgId,
      'x-app-id': actor.appId,
      'appstrate-user': me,
    })
    expectProblem(undefined, await byCookie('GET /api/runs'), 'header-not-allowed')
    expectProblem(
      undefined,
      await actor.sendAs(await (await world.tenant()).endUser())('GET /api/runs'),
      'invalid-end-user',
    )
    for (const wrong of ['', 'x', 'run_01jq5x3v7kf8hb2m9w4tcd6e1n'])
      expectProblem(undefined, await actor.sendAs(wrong)('GET /api/runs'), 'invalid-end-user-id')
    const stream = `GET /api/realtime/runs?token=${actor.apiKey}&endUser=`
    expectProblem(undefined, await world.send(`${stream}${await (await world.tenant()).endUser()}`), 'invalid-end-user')
    expectProblem(
      undefined,
      await world.send(`GET /api/realtime/runs?orgId=${actor.orgId}&appId=${actor.appId}&endUser=${me}`, {
        headers: { cookie },
      }),
      'header-not-allowed',
    )
  })

  it('is recorded in the audit log: who, on whose behalf, what, from where', async () => {
    const me = await actor.endUser()
    const answer = await actor.sendAs(me)('GET /api/runs', {
      query: { page: 1 },
      headers: { 'user-agent': 'their product/1.0' },
    })
    const [entry, ...others] = await entriesOf(answer.headers.get('request-id'))
    expect(others).toEqual([])
    expect(entry).toMatchObject({
      request_id: answer.headers.get('request-id'),
      application_id: actor.applicationId,
      organization_id: actor.organizationId,
      actor: { kind: 'api-key', apiKeyId: parseWireId('key', actor.apiKeyId), endUserId: parseWireId('eu', me) },
      resource_id: me,
      method: 'GET',
      path: '/api/runs',
      ip: '127.0.0.1',
      user_agent: 'their product/1.0',
    })
  })

  it('is recorded in the audit log also if it is refused', async () => {
    const me = await actor.endUser()
    const weak = await actor.key({ scopes: [] })
    const asWeak = (route: string, body?: object) =>
      weak.send(route, { ...(body === undefined ? {} : { body }), headers: { 'appstrate-user': me } })
    const refused = [
      await asWeak('GET /api/runs'),
      await actor.sendAs(me)('GET /api/runs/run_01jq5x3v7kf8hb2m9w4tcd6e1n'),
      await actor.sendAs(me)('POST /api/runs', { body: { nonsense: true } }),
      await actor.sendAs(me)('POST /api/runs', { rawBody: '{', headers: { 'content-type': 'application/json' } }),
      await actor.sendAs(me)('POST /api/end-users', { body: {} }),
    ]
    expect(refused.map(({ status }) => status)).toEqual([403, 404, 422, 400, 403])
    for (const { headers, text } of refused) expect(await entriesOf(headers.get('request-id')), text).toHaveLength(1)
  })

  it('is recorded in the audit log if it opens a stream, without its token', async () => {
    const me = await actor.endUser()
    const answer = await world.send(
      `GET /api/realtime/runs/${(await thingsOf(actor.sendAs(me))).runId}?token=${actor.apiKey}&endUser=${me}`,
    )
    expect(answer.status).toBe(200)
    const [entry] = await entriesOf(answer.headers.get('request-id'))
    expect(entry?.resource_id).toBe(me)
    expect(JSON.stringify(entry)).not.toContain(actor.apiKey)
  })
})
