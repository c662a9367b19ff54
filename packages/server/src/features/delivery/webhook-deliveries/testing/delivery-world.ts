import { parseWireId } from '../../../../platform/ids/id.ts'
import { insertRun, type InsertedRun } from '../../../../testing/factories/run.ts'
import type { Tenant } from '../../../../testing/factories/tenant.ts'
import { eventually } from '../../../../testing/factories/run-world.ts'
import type { Answer } from '../../../../testing/request.ts'
import { openWorld, type World, type WorldOptions } from '../../../../testing/world.ts'

/** A webhook of a tenant. */
export interface TestWebhook {
  readonly tenant: Tenant
  readonly id: string
  /** As stored. */
  readonly uuid: string
  readonly secret: string
  /** Its deliveries, newest first. */
  deliveries(query?: Readonly<Record<string, string | number>>): Promise<Answer['body']['data']>
}

/** A world whose webhooks may use local addresses. */
export interface DeliveryWorld extends World {
  webhook(tenant: Tenant, url: string, fields?: Readonly<Record<string, unknown>>): Promise<TestWebhook>
  /** A run of the tenant, with its agent. */
  run(tenant: Tenant): Promise<InsertedRun>
  /** Puts events of a run into the outbox, in this order. */
  publish(run: InsertedRun, ...types: string[]): Promise<void>
  /** Makes every retry due now. */
  makeDue(): Promise<void>
}

export async function openDeliveryWorld(options: WorldOptions = {}): Promise<DeliveryWorld> {
  const world = await openWorld({
    jobs: true,
    ...options,
    environment: { ALLOW_PRIVATE_ADDRESSES: 'true', ...options.environment },
  })
  const { platform } = world
  return {
    ...world,
    webhook: createWebhook,
    run: (tenant) => insertRun(platform, tenant),
    async publish(run, ...types) {
      for (const type of types) {
        await platform.db
          .insertInto('outbox')
          .values({
            organization_id: run.organizationId,
            application_id: run.applicationId,
            run_id: run.id,
            agent_id: run.agent.id,
            end_user_id: run.endUserId,
            type,
            payload: JSON.stringify({ id: run.wireId, agentId: run.agent.wireId, status: type.slice(4), cost: '0.01' }),
          })
          .execute()
      }
      platform.wake.wake('outbox', '')
    },
    async makeDue() {
      await platform.db
        .updateTable('webhook_deliveries')
        .set({ due_at: new Date(0) })
        .where('status', '=', 'pending')
        .where('ready', '=', false)
        .where('claim', 'is', null)
        .where('due_at', 'is not', null)
        .execute()
      platform.wake.wake('deliveries', '')
    },
  }
}

async function createWebhook(
  tenant: Tenant,
  url: string,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<TestWebhook> {
  const events = ['run.started', 'run.waiting', 'run.completed', 'run.failed', 'run.timeout', 'run.cancelled']
  const answer = await tenant.send('POST /api/webhooks', { body: { url, events, ...fields } })
  if (answer.status !== 201) throw new Error(`The webhook was not created: ${answer.text}`)
  const { id, secret } = answer.body
  return {
    tenant,
    id,
    uuid: parseWireId('wh', id) ?? '',
    secret,
    deliveries: async (query = {}) =>
      (await tenant.send(`GET /api/webhooks/${id}/deliveries`, { query: { pageSize: 100, ...query } })).body.data,
  }
}

/** Waits until a webhook's deliveries meet a condition, and returns them. */
export function deliveriesOf(
  webhook: TestWebhook,
  look: (deliveries: Answer['body'][]) => boolean,
  deadlineMs = 20_000,
): Promise<Answer['body'][]> {
  return eventually(async () => {
    const deliveries = await webhook.deliveries()
    return look(deliveries) ? deliveries : undefined
  }, deadlineMs)
}

/** Waits until a condition holds. */
export function until(holds: () => boolean, deadlineMs = 20_000): Promise<true> {
  return eventually(async () => (holds() ? true : undefined), deadlineMs)
}
