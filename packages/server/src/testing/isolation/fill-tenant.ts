import { randomBytes } from 'node:crypto'
import { features } from '../../features/index.ts'
import { jobsOf } from '../../processes/jobs-of.ts'
import { startJobs } from '../../platform/jobs/start-jobs.ts'
import { connectModel } from '../factories/model.ts'
import { eventually } from '../factories/run-world.ts'
import { signUp, type SignedIn } from '../factories/session.ts'
import type { Tenant } from '../factories/tenant.ts'
import { requester, type Answer, type Send } from '../request.ts'
import type { World } from '../world.ts'
import { byPrefix, type Belongings } from './belongings.ts'

/** Words that stand in everything of a tenant, by who may see it: its members, its application, one end-user. */
export interface Marks {
  readonly organization: string
  readonly application: string
  readonly endUser: string
}

/** A tenant with one of everything. */
export interface FilledTenant {
  readonly tenant: Tenant
  readonly marks: Marks
  /** The owner, by cookie. */
  readonly owner: { readonly cookie: string; readonly send: Send }
  /** Another member of the organization. */
  readonly admin: SignedIn
  /** Another application of the organization, and a key of it with every right. */
  readonly sibling: { readonly appId: string; readonly authorization: string }
  /** Two end-users: the first one's things carry the mark. */
  readonly endUsers: readonly [first: string, second: string]
  /** What was made, in the order that requests should try it. */
  readonly made: Belongings
  readonly madeByEndUsers: readonly [first: Belongings, second: Belongings]
}

export interface Filling {
  readonly world: World
  /** A model server that plays `scenario`. */
  readonly modelsUrl: string
  /** Answers 200 to what webhooks send. */
  readonly receiverUrl: string
  readonly label: 'LEAK' | 'OWN'
}

/** Leaves the run's input wherever a run can leave something. */
export const scenario = {
  steps: [
    {
      text: 'The input is {{input.note}}.',
      toolCalls: [
        { name: 'bash', arguments: { command: 'cp /workspace/input/* /workspace/output/' } },
        { name: 'log', arguments: { level: 'info', message: '{{input.note}}' } },
        { name: 'report', arguments: { content: '{{input.note}}' } },
        { name: 'output', arguments: { note: '{{input.note}}' } },
      ],
    },
    { text: 'Done.' },
  ],
}

/** Four runs that were asked for and four of schedules: each begins and ends. */
const eventsOfRuns = 16

/** What the auth library tells somebody of their own account. */
const relayed = ['get-session', 'list-sessions', 'list-accounts', 'passkey/list-user-passkeys']

/** Makes a tenant and, over the API, one thing for each id prefix, with a mark in every text. */
export async function fillTenant(filling: Filling): Promise<FilledTenant> {
  const { world, label } = filling
  const word = randomBytes(5).toString('hex')
  const marks = { organization: `${label}-o-${word}`, application: `${label}-a-${word}`, endUser: `${label}-u-${word}` }
  const tenant = await world.tenant()
  const owner = await tenant.session()
  const making: Making = { ...filling, tenant, owner: owner.send, marks }
  const organization = await fillOrganization(making)
  const application = await fillApplication(making, organization.modelId)
  const sibling = await createSibling(making)
  const endUsers = [await createEndUser(making, marks.endUser), await createEndUser(making, marks.application)] as const
  const first = await fillFor(making, {
    agentId: application.agentId,
    mark: marks.endUser,
    headers: { 'appstrate-user': endUsers[0] },
  })
  const second = await fillFor(making, {
    agentId: application.agentId,
    mark: marks.application,
    headers: { 'appstrate-user': endUsers[1] },
  })
  const byKey = await fillFor(making, { agentId: application.agentId, mark: marks.application, headers: {} })
  const bySession = await fillFor(making, {
    agentId: application.agentId,
    mark: marks.application,
    session: owner.send,
    headers: {},
  })
  const deliveries = await deliver(making, application.webhookId)
  const texts = new Map([...application.texts, ['token', [organization.token]], ['*', relayed]])
  const ids = [
    tenant.orgId,
    tenant.appId,
    sibling.appId,
    tenant.userId,
    organization.admin.userId,
    ...organization.ids,
    ...application.ids,
    ...endUsers,
    ...deliveries,
  ]
  return {
    tenant,
    marks,
    owner,
    admin: organization.admin,
    sibling,
    endUsers,
    made: { ids: byPrefix([...ids, ...first, ...byKey, ...bySession, ...second]), texts },
    madeByEndUsers: [
      { ids: byPrefix([endUsers[0], ...first]), texts: new Map() },
      { ids: byPrefix([endUsers[1], ...second]), texts: new Map() },
    ],
  }
}

interface Making extends Filling {
  readonly tenant: Tenant
  readonly owner: Send
  readonly marks: Marks
}

async function fillOrganization({ world, modelsUrl, tenant, owner, marks }: Making) {
  const { db } = world.platform
  const mark = marks.organization
  await db.updateTable('users').set({ name: mark }).where('id', '=', tenant.userId).execute()
  await must(owner(`PATCH /api/orgs/${tenant.orgId}`, { body: { name: mark } }))
  const modelId = await connectModel(world.platform, tenant, { url: modelsUrl, scenario: 'leave-everything' })
  await must(owner(`PATCH /api/models/${modelId}`, { body: { label: mark } }))
  const { id: providerKeyId } = await must(
    owner('POST /api/provider-keys', { body: { label: mark, api: 'openai', apiKey: `sk-${mark}` } }),
  )
  const admin = await signUp(world, { email: `${mark.toLowerCase()}@example.com` })
  await db
    .insertInto('organization_members')
    .values({ organization_id: tenant.organizationId, user_id: admin.userId, role: 'admin' })
    .execute()
  const invitation = await must(
    owner(`POST /api/orgs/${tenant.orgId}/invitations`, {
      body: { email: `${mark.toLowerCase()}-new@example.com`, role: 'member' },
    }),
  )
  const sessions = await must(owner('GET /api/profile/sessions'))
  return {
    modelId,
    admin,
    token: String(invitation.link).split('/').at(-1) ?? '',
    ids: [modelId, providerKeyId, invitation.id, ...sessions.data.map(({ id }: { id: string }) => id)],
  }
}

async function fillApplication({ tenant, owner, marks, receiverUrl }: Making, modelId: string) {
  const mark = marks.application
  await must(owner(`PATCH /api/applications/${tenant.appId}`, { body: { name: mark } }))
  const agent = await must(
    tenant.send('POST /api/agents', {
      body: {
        name: mark.toLowerCase(),
        displayName: mark,
        description: mark,
        prompt: mark,
        tools: ['output', 'log', 'report', 'bash'],
        modelId,
      },
    }),
  )
  const key = await must(owner('POST /api/api-keys', { body: { name: mark } }))
  const webhook = await must(
    tenant.send('POST /api/webhooks', {
      body: { url: `${receiverUrl}/${mark}`, description: mark, events: ['run.started', 'run.completed'] },
    }),
  )
  const texts = new Map([
    ['agentId', [String(agent.id), String(agent.name)]],
    ['version', [String(agent.version)]],
  ])
  return { agentId: String(agent.id), webhookId: String(webhook.id), texts, ids: [agent.id, key.id, webhook.id] }
}

async function createSibling({ owner, marks }: Making) {
  const { id: appId } = await must(owner('POST /api/applications', { body: { name: `${marks.organization} sibling` } }))
  const { key } = await must(
    owner('POST /api/api-keys', { body: { name: marks.organization }, headers: { 'x-app-id': appId } }),
  )
  return { appId: String(appId), authorization: `Bearer ${key}` }
}

async function createEndUser({ tenant }: Making, mark: string): Promise<string> {
  const body = {
    name: mark,
    email: `${mark}-${randomBytes(3).toString('hex')}@example.com`.toLowerCase(),
    externalId: `${mark}-${randomBytes(3).toString('hex')}`,
    metadata: { note: mark },
  }
  return String((await must(tenant.send('POST /api/end-users', { body }))).id)
}

/** A file, a finished run with files and log, and a schedule; of whoever the headers name. */
async function fillFor(
  { world, tenant }: Making,
  one: { agentId: string; mark: string; headers: Record<string, string>; session?: Send },
): Promise<string[]> {
  const { agentId, mark, headers } = one
  const send =
    one.session ??
    requester(world.url, { authorization: `Bearer ${tenant.apiKey}`, 'x-app-id': tenant.appId, ...headers })
  const form = new FormData()
  form.set('file', new Blob([`note\n${mark}\n`]), `${mark}.csv`)
  const file = await must(send('POST /api/files', { rawBody: form }))
  const run = await must(
    send('POST /api/runs', {
      body: { agentId, input: { note: mark }, metadata: { note: mark }, files: [file.id] },
      headers: { prefer: 'wait=60' },
    }),
  )
  if (run.status !== 'success') throw new Error(`The run did not succeed: ${JSON.stringify(run.error)}`)
  const schedule = await must(
    send('POST /api/schedules', { body: { agentId, cronExpression: '0 0 1 1 *', name: mark, input: { note: mark } } }),
  )
  return [run.id, file.id, schedule.id].map(String)
}

/** Lets the jobs work until everything is delivered, and stops them: nothing may change by itself while others look. */
async function deliver({ world, tenant }: Making, webhookId: string): Promise<string[]> {
  const now = new Date(Date.now() - 1_000)
  await world.platform.db
    .updateTable('schedules')
    .set({ next_run_at: now, due_at: now })
    .where('organization_id', '=', tenant.organizationId)
    .execute()
  const { stop } = startJobs(world.platform, jobsOf(features))
  const deliveries = await eventually(async () => {
    const { data } = await must(tenant.send(`GET /api/webhooks/${webhookId}/deliveries`))
    return data.length >= eventsOfRuns && data.every(({ status }: { status: string }) => status === 'success')
      ? data
      : undefined
  }, 30_000)
  await stop()
  return deliveries.flatMap(({ id, eventId }: { id: string; eventId: string }) => [id, eventId])
}

/** The body of an answer that must be a success. */
async function must(answer: Promise<Answer>): Promise<Answer['body']> {
  const { status, body, text } = await answer
  if (status >= 300) throw new Error(`A tenant could not be filled: ${status} ${text}`)
  return body
}
