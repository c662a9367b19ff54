import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAgent } from '../../../testing/factories/agent.ts'
import type { Tenant } from '../../../testing/factories/tenant.ts'
import type { Answer, Send } from '../../../testing/request.ts'
import { openWorld, type World } from '../../../testing/world.ts'
import type { QuotaName } from './quota.ts'
import { overrideQuotas } from './testing/override-quotas.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

interface Creating {
  readonly tenant: Tenant
  readonly owner: Send
  readonly agentId: string
}

const upload = (tenant: Tenant, content = 'x') => {
  const form = new FormData()
  form.append('file', new File([content], 'a.txt'))
  return fetch(`${world.url}/api/files`, {
    method: 'POST',
    body: form,
    headers: { authorization: `Bearer ${tenant.apiKey}`, 'x-app-id': tenant.appId },
  })
}

interface Reply {
  readonly status: number
  readonly body: Answer['body']
}

interface Kind {
  readonly quota: QuotaName
  create(given: Creating, number: number): Promise<Reply>
  /** Removes one of the created things; absent where the API cannot. */
  remove?(given: Creating, made: Reply): Promise<Answer>
}

const kinds: readonly Kind[] = [
  {
    quota: 'endUsers',
    create: ({ tenant }) => tenant.send('POST /api/end-users', { body: {} }),
    remove: ({ tenant }, { body }) => tenant.send(`DELETE /api/end-users/${body.id}`),
  },
  {
    quota: 'apiKeys',
    create: ({ owner }, number) => owner('POST /api/api-keys', { body: { name: `k${number}` } }),
    remove: ({ owner }, { body }) => owner(`DELETE /api/api-keys/${body.id}`),
  },
  {
    quota: 'applications',
    create: ({ owner }, number) => owner('POST /api/applications', { body: { name: `a${number}` } }),
    remove: ({ owner }, { body }) => owner(`DELETE /api/applications/${body.id}`),
  },
  {
    quota: 'agents',
    create: ({ tenant }, number) =>
      tenant.send('POST /api/agents', { body: { name: `n${number}`, displayName: 'N', prompt: 'Do it.' } }),
    remove: ({ tenant }, { body }) => tenant.send(`DELETE /api/agents/${body.id}`),
  },
  {
    quota: 'schedules',
    create: ({ tenant, agentId }) =>
      tenant.send('POST /api/schedules', { body: { agentId, cronExpression: '0 0 * * *' } }),
    remove: ({ tenant }, { body }) => tenant.send(`DELETE /api/schedules/${body.id}`),
  },
  {
    quota: 'webhooks',
    create: ({ tenant }) =>
      tenant.send('POST /api/webhooks', { body: { url: 'https://example.com/hook', events: ['run.completed'] } }),
    remove: ({ tenant }, { body }) => tenant.send(`DELETE /api/webhooks/${body.id}`),
  },
  {
    quota: 'members',
    create: ({ tenant, owner }, number) =>
      owner(`POST /api/orgs/${tenant.orgId}/invitations`, {
        body: { email: `p${number}@example.com`, role: 'viewer' },
      }),
    remove: ({ tenant, owner }, { body }) => owner(`DELETE /api/orgs/${tenant.orgId}/invitations/${body.id}`),
  },
  {
    quota: 'files',
    create: async ({ tenant }) => {
      const response = await upload(tenant)
      return { status: response.status, body: JSON.parse(await response.text()) }
    },
    remove: ({ tenant }, { body }) => tenant.send(`DELETE /api/files/${body.id}`),
  },
]

describe('a quota', () => {
  it.each(kinds)(
    'of $quota is exact when many create at the same time, and is free again after a deletion',
    {
      timeout: 60_000,
    },
    async ({ quota, create, remove }) => {
      const [tenant, other] = [await world.tenant(), await world.tenant()]
      const { send: owner } = await tenant.session()
      const given = { tenant, owner, agentId: await createAgent(tenant) }
      const usage = async (): Promise<{ limit: number; used: number }> =>
        (await owner(`GET /api/orgs/${tenant.orgId}/usage`)).body[quota]
      const limit = (await usage()).used + 5
      await overrideQuotas(world, tenant, { [quota]: limit })
      const answers = await Promise.all(Array.from({ length: 12 }, (_, number) => create(given, number)))
      const made = answers.filter(({ status }) => status === 201)
      expect(answers.map(({ status }) => status).sort()).toEqual([...made.map(() => 201), ...Array(7).fill(403)])
      const refused = answers.find(({ status }) => status === 403)
      expect(refused?.body).toMatchObject({
        type: 'https://appstrate.dev/errors/quota-exceeded',
        quota,
        limit,
        used: limit,
        detail: expect.stringContaining(String(limit)),
      })
      expect(await usage()).toMatchObject({ limit, used: limit })
      const otherGiven = { tenant: other, owner: (await other.session()).send, agentId: await createAgent(other) }
      expect((await create(otherGiven, 100)).status).toBe(201)
      const [first] = made
      if (remove === undefined || first === undefined) throw new Error('Nothing was created.')
      expect((await remove(given, first)).status).toBeLessThan(300)
      expect((await create(given, 200)).status).toBe(201)
      expect((await create(given, 201)).status).toBe(403)
    },
  )

  it('of 0 allows none, and one without a number any', async () => {
    const tenant = await world.tenant()
    const create = () => tenant.send('POST /api/end-users', { body: {} })
    await overrideQuotas(world, tenant, { endUsers: 0 })
    expect((await create()).status).toBe(403)
    await overrideQuotas(world, tenant, { endUsers: null })
    expect((await create()).status).toBe(201)
  })

  it('counts a repeated request with an idempotency key once, and its refusal not at all', async () => {
    const tenant = await world.tenant()
    await overrideQuotas(world, tenant, { endUsers: 1 })
    const create = (key: string) =>
      tenant.send('POST /api/end-users', { body: {}, headers: { 'idempotency-key': key } })
    const [first, again] = [await create('one'), await create('one')]
    expect([first.status, again.status, again.body.id]).toEqual([201, 201, first.body.id])
    expect((await create('two')).status).toBe(403)
    expect((await tenant.send(`DELETE /api/end-users/${first.body.id}`)).status).toBe(200)
    expect((await create('three')).status).toBe(201)
  })

  it('of members allows accepting and replacing an invitation that is already counted', async () => {
    const tenant = await world.tenant()
    const { send } = await tenant.session()
    const invite = (email: string) =>
      send(`POST /api/orgs/${tenant.orgId}/invitations`, { body: { email, role: 'viewer' } })
    await overrideQuotas(world, tenant, { members: 2 })
    expect((await invite('a@example.com')).status).toBe(201)
    expect((await invite('a@example.com')).status).toBe(201)
    expect((await invite('b@example.com')).status).toBe(403)
  })
})

describe('the quota of stored bytes', () => {
  const blobs = async () => {
    const found = await readdir(join(world.platform.config.DATA_DIR, 'blobs'), { recursive: true, withFileTypes: true })
    return found.filter((entry) => entry.isFile()).length
  }

  it('refuses what does not fit and leaves nothing behind, and reads no body when it is full', async () => {
    const tenant = await world.tenant()
    await overrideQuotas(world, tenant, { storedBytes: 1_000 })
    expect((await upload(tenant, 'x'.repeat(600))).status).toBe(201)
    const before = await blobs()
    const refused = await upload(tenant, 'x'.repeat(401))
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ quota: 'storedBytes', limit: 1_000, used: 600 })
    expect(await blobs()).toBe(before)
    expect((await upload(tenant, 'x'.repeat(400))).status).toBe(201)
    // The body never ends: the reply cannot have waited for it.
    const endless = new ReadableStream({
      start: (controller) => {
        controller.enqueue(
          Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nThe beginning'),
        )
      },
    })
    const early = await fetch(`${world.url}/api/files`, {
      method: 'POST',
      body: endless,
      headers: {
        authorization: `Bearer ${tenant.apiKey}`,
        'x-app-id': tenant.appId,
        'content-type': 'multipart/form-data; boundary=b',
      },
      duplex: 'half',
    })
    expect(early.status).toBe(403)
    await early.body?.cancel()
    expect(await blobs()).toBe(before + 1)
  })

  it('is exact when many upload at the same time', async () => {
    const tenant = await world.tenant()
    await overrideQuotas(world, tenant, { storedBytes: 1_000 })
    const before = await blobs()
    const answers = await Promise.all(Array.from({ length: 12 }, () => upload(tenant, 'x'.repeat(300))))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3)
    expect(await blobs()).toBe(before + 3)
  })
})
