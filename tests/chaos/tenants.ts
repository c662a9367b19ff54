import type { Scenario } from '@appstrate/model-server'
import type { Body } from '../client.ts'
import { connectModel, signIn } from '../journeys.ts'
import type { FirstRun } from '../server-process.ts'
import { doomedTenant, endUsersPerTenant, tenantsCount } from './plan.ts'
import type { Surroundings } from './inject-fault.ts'

/** An application with the things that the load uses. */
export interface Tenant {
  /** Every text of the tenant contains it. */
  readonly mark: string
  readonly orgId: string
  readonly appId: string
  readonly apiKey: string
  readonly agentIds: readonly [quick: string, steps: string]
  readonly scheduleIds: readonly string[]
  readonly endUserIds: readonly string[]
  /** Its name at the receiver. */
  readonly webhook: string
}

const schedulesPerTenant = 4

/** Long enough that a fault interrupts them; what they write is counted. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  quick: {
    steps: [
      { delayMs: 100, text: 'On it.', toolCalls: [{ name: 'output', arguments: { note: '{{input.note}}' } }] },
      { delayMs: 100, text: 'Done.' },
    ],
  },
  steps: {
    steps: [
      {
        delayMs: 100,
        text: 'First {{input.note}}.',
        toolCalls: [
          { name: 'log', arguments: { level: 'info', message: '{{input.note}}' } },
          { name: 'bash', arguments: { command: 'echo one >> /workspace/output/effects.txt' } },
        ],
      },
      [
        { when: { lastToolResult: { matches: 'interrupted' } }, repeatToolCalls: true },
        {
          delayMs: 200,
          text: 'Second.',
          toolCalls: [{ name: 'bash', arguments: { command: 'sleep 0.3; echo two >> /workspace/output/effects.txt' } }],
        },
      ],
      [
        { when: { lastToolResult: { matches: 'interrupted' } }, repeatToolCalls: true },
        { toolCalls: [{ name: 'bash', arguments: { command: 'cat /workspace/output/effects.txt' } }] },
      ],
      [
        { when: { lastToolResult: { matches: 'interrupted' } }, repeatToolCalls: true },
        { toolCalls: [{ name: 'output', arguments: { note: '{{input.note}}', effects: '{{lastToolResult}}' } }] },
      ],
      { text: 'Done.' },
    ],
  },
}

/** Sends a request that must succeed. */
type Post = (path: string, body: unknown) => Promise<Body>

function poster(url: string, headers: Readonly<Record<string, string>>): Post {
  return async (path, body) => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${text}`)
    return JSON.parse(text)
  }
}

/** Creates two organizations, the first with two applications. */
export async function createTenants(around: Surroundings): Promise<Tenant[]> {
  const { firstRun } = around.installation
  const session = await signIn(firstRun.url, firstRun)
  const owner = poster(firstRun.url, session)
  const second = await owner('/api/orgs', { name: 'Second' })
  const homes = [
    { orgId: firstRun.orgId, appId: firstRun.appId },
    { orgId: String(second.id), appId: '' },
    { orgId: firstRun.orgId, appId: (await owner('/api/applications', { name: 'Doomed' })).id },
  ]
  const tenants: Tenant[] = []
  for (const [index, home] of homes.slice(0, tenantsCount).entries()) {
    const headers = { ...session, 'x-org-id': home.orgId }
    const appId = home.appId === '' ? await onlyApplication(firstRun, headers) : home.appId
    tenants.push(await createTenant(around, { ...home, appId, headers, mark: `tenant-${index}-mark` }))
  }
  return tenants
}

export const isDoomed = (tenants: readonly Tenant[], tenant: Tenant): boolean => tenants[doomedTenant] === tenant

async function onlyApplication({ url }: FirstRun, headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${url}/api/applications`, { headers })
  const body: Body = await response.json()
  return body.data[0].id
}

interface Home {
  readonly orgId: string
  readonly appId: string
  readonly headers: Record<string, string>
  readonly mark: string
}

async function createTenant({ installation, models, receiver }: Surroundings, home: Home): Promise<Tenant> {
  const { orgId, appId, headers, mark } = home
  const { firstRun } = installation
  const { key } = await poster(firstRun.url, { ...headers, 'x-app-id': appId })('/api/api-keys', { name: mark })
  const post = poster(firstRun.url, { authorization: `Bearer ${key}`, 'x-app-id': appId })
  const agentIds: string[] = []
  for (const name of Object.keys(scenarios)) {
    const model = { baseUrl: `${models.url}/v1`, modelId: name }
    const modelId = await connectModel(firstRun.url, { ...firstRun, orgId }, model)
    const agent = {
      name: `${mark}-${name}`,
      displayName: mark,
      prompt: mark,
      modelId,
      tools: ['bash', 'log', 'output'],
    }
    agentIds.push((await post('/api/agents', agent)).id)
  }
  const [quick = '', steps = ''] = agentIds
  const events = ['run.started', 'run.completed', 'run.failed', 'run.timeout', 'run.cancelled']
  receiver.trust(mark, (await post('/api/webhooks', { url: `${receiver.url}/${mark}`, events })).secret)
  const scheduleIds: string[] = []
  for (let index = 0; index < schedulesPerTenant; index += 1) {
    const schedule = await post('/api/schedules', {
      agentId: quick,
      cronExpression: '* * * * *',
      name: `${mark} ${index}`,
      input: { note: mark },
      missedFires: 'run-all',
      overlap: index % 4 === 3 ? 'queue' : 'allow',
    })
    scheduleIds.push(schedule.id)
  }
  const endUserIds: string[] = []
  for (let index = 0; index < endUsersPerTenant; index += 1)
    endUserIds.push((await post('/api/end-users', { externalId: `${mark} ${index}`, name: mark })).id)
  return { mark, orgId, appId, apiKey: key, agentIds: [quick, steps], scheduleIds, endUserIds, webhook: mark }
}
