import { randomBytes } from 'node:crypto'
import type { Feature } from '../../platform/http/feature.ts'
import { jobsOf } from '../../processes/jobs-of.ts'
import { startJobs } from '../../platform/jobs/start-jobs.ts'
import { signUp, type SignedIn } from '../factories/session.ts'
import type { Tenant } from '../factories/tenant.ts'
import { requester, type Send } from '../request.ts'
import type { World } from '../world.ts'
import { byPrefix, prefixOf, type Belongings } from './belongings.ts'
import { must, type ContentHolder, type Made, type Making, type Marks, type TenantFilling } from './tenant-filling.ts'

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
  /** Everything that was made, in the order that requests should try it. */
  readonly made: Belongings
  /** Id prefixes of the things that belong to the organization and are visible from all of its applications. */
  readonly prefixesOfOrganization: ReadonlySet<string>
  readonly madeByEndUsers: readonly [first: Belongings, second: Belongings]
}

export interface Filling {
  readonly world: World
  /** The features whose jobs run until every noun has settled. */
  readonly features: readonly Feature[]
  /** How the nouns fill the tenant, in the order of the features. */
  readonly fillings: readonly TenantFilling[]
  /** A model server that plays `scenario`. */
  readonly modelsUrl: string
  /** Answers 200 to webhooks. */
  readonly receiverUrl: string
  readonly label: 'LEAK' | 'OWN'
}

/** Leaves the run's input in everything that a run can write. */
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

/** Makes a tenant and, over the API, one thing for each id prefix, with a mark in every text. */
export async function fillTenant(filling: Filling): Promise<FilledTenant> {
  const { world, label, features, fillings } = filling
  const word = randomBytes(5).toString('hex')
  const marks = { organization: `${label}-o-${word}`, application: `${label}-a-${word}`, endUser: `${label}-u-${word}` }
  const tenant = await world.tenant()
  const owner = await tenant.session()
  const shared = new Collection()
  const making: Making = { ...filling, tenant, owner: owner.send, marks, idOf: (prefix) => shared.idOf(prefix) }

  const admin = await addAdmin(making)
  const sibling = await createSibling(making)
  shared.add({ ids: [tenant.orgId, tenant.appId, sibling.appId, tenant.userId, admin.userId] })
  for (const noun of fillings) shared.add(await noun.inOrganization?.(making))
  const prefixesOfOrganization = new Set(shared.ids.map(prefixOf))
  for (const noun of fillings) shared.add(await noun.inApplication?.(making))
  const endUsers = [await createEndUser(making, marks.endUser), await createEndUser(making, marks.application)] as const
  shared.add({ ids: endUsers })

  const byKey = (headers: Record<string, string>) =>
    requester(world.url, { authorization: `Bearer ${tenant.apiKey}`, 'x-app-id': tenant.appId, ...headers })
  const fillFor = (send: Send, mark = marks.application) => fillForHolder(making, fillings, { send, mark })
  const first = await fillFor(byKey({ 'appstrate-user': endUsers[0] }), marks.endUser)
  const second = await fillFor(byKey({ 'appstrate-user': endUsers[1] }))
  const ofApplication = [...(await fillFor(byKey({}))), ...(await fillFor(owner.send))]
  for (const made of await settle(making, fillings, features)) shared.add(made)
  return {
    tenant,
    marks,
    owner,
    admin,
    sibling,
    endUsers,
    made: { ids: byPrefix([...shared.ids, ...first, ...ofApplication, ...second]), texts: shared.texts },
    prefixesOfOrganization,
    madeByEndUsers: [
      { ids: byPrefix([endUsers[0], ...first]), texts: new Map() },
      { ids: byPrefix([endUsers[1], ...second]), texts: new Map() },
    ],
  }
}

/** The things that were made so far. */
class Collection {
  readonly ids: string[] = []
  readonly texts = new Map<string, readonly string[]>()

  add(made: Made | undefined): void {
    this.ids.push(...(made?.ids ?? []).map(String))
    for (const [name, texts] of Object.entries(made?.texts ?? {})) this.texts.set(name, texts)
  }

  idOf(prefix: string): string {
    const id = this.ids.find((each) => prefixOf(each) === prefix)
    if (id === undefined) throw new Error(`No noun before this one has made a thing with an id ${prefix}_….`)
    return id
  }
}

async function addAdmin({ world, tenant, marks }: Making): Promise<SignedIn> {
  const admin = await signUp(world, { email: `${marks.organization.toLowerCase()}@example.com` })
  await world.platform.db
    .insertInto('organization_members')
    .values({ organization_id: tenant.organizationId, user_id: admin.userId, role: 'admin' })
    .execute()
  return admin
}

async function createSibling({ owner, marks }: Making) {
  const { id: appId } = await must(owner('POST /api/applications', { body: { name: `${marks.organization} sibling` } }))
  const { key } = await must(
    owner('POST /api/api-keys', { body: { name: marks.organization }, headers: { 'x-app-id': appId } }),
  )
  return { appId: String(appId), authorization: `Bearer ${key}` }
}

async function createEndUser({ tenant }: Making, mark: string): Promise<string> {
  const unique = () => `${mark}-${randomBytes(3).toString('hex')}`
  const body = {
    name: mark,
    email: `${unique()}@example.com`.toLowerCase(),
    externalId: unique(),
    metadata: { note: mark },
  }
  return String((await must(tenant.send('POST /api/end-users', { body }))).id)
}

async function fillForHolder(
  making: Making,
  fillings: readonly TenantFilling[],
  { send, mark }: Pick<ContentHolder, 'send' | 'mark'>,
): Promise<string[]> {
  const own = new Collection()
  const holder = { send, mark, idOf: (prefix: string) => own.idOf(prefix) }
  for (const noun of fillings) own.add(await noun.forHolder?.(making, holder))
  return own.ids
}

/** Runs the jobs until every noun has settled, and stops them: while leaks are searched, no job may change data. */
async function settle(
  making: Making,
  fillings: readonly TenantFilling[],
  features: readonly Feature[],
): Promise<readonly (Made | undefined)[]> {
  const { stop } = startJobs(making.world.platform, jobsOf(features))
  const made: (Made | undefined)[] = []
  for (const noun of fillings) made.push(await noun.settle?.(making))
  await stop()
  return made
}
