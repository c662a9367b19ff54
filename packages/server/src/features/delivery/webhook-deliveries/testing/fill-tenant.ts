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
}
