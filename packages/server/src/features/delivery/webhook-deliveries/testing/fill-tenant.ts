import { newUuid } from '../../../../platform/ids/id.ts'
import { eventually } from '../../../../testing/factories/run-world.ts'
import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  /** Waits until the webhook has received each of its events of every run: all runs have started and completed. */
  async settle({ tenant, idOf }) {
    const { events } = await must(tenant.send(`GET /api/webhooks/${idOf('wh')}`))
    const { pagination } = await must(tenant.send('GET /api/runs'))
    const expected = events.length * pagination.total
    const deliveries = await eventually(async () => {
      const { data } = await must(
        tenant.send(`GET /api/webhooks/${idOf('wh')}/deliveries`, { query: { pageSize: 100 } }),
      )
      return data.length >= expected && data.every(({ status }: { status: string }) => status === 'success')
        ? data
        : undefined
    }, 30_000)
    return { ids: deliveries.flatMap(({ id, eventId }: { id: string; eventId: string }) => [id, eventId]) }
  },
  async insertRows(db, { organizationId, applicationId }) {
    const { id: webhookId } = await db
      .selectFrom('webhooks')
      .select('id')
      .where('application_id', '=', applicationId)
      .executeTakeFirstOrThrow()
    const eventId = newUuid()
    const type = 'run.completed'
    await db
      .insertInto('webhook_events')
      .values({
        id: eventId,
        organization_id: organizationId,
        application_id: applicationId,
        webhook_id: webhookId,
        type,
        payload: '{}',
      })
      .execute()
    const delivery = {
      id: newUuid(),
      application_id: applicationId,
      webhook_id: webhookId,
      event_id: eventId,
      event_type: type,
      attempt: 1,
      status: 'pending',
    } as const
    await db.insertInto('webhook_deliveries').values(delivery).execute()
  },
}
