import { newUuid } from '../../../../platform/ids/id.ts'
import { eventually } from '../../../../testing/factories/run-world.ts'
import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async forHolder(making, { send, mark }) {
    const body = {
      agentId: making.idOf('agent'),
      cronExpression: '0 0 1 1 *',
      name: mark,
      input: { note: mark },
    }
    return { ids: [(await must(send('POST /api/schedules', { body }))).id] }
  },
  /** Fires every schedule once. */
  async settle({ world, tenant }) {
    const now = new Date(Date.now() - 1_000)
    await world.platform.db
      .updateTable('schedules')
      .set({ next_run_at: now, due_at: now })
      .where('organization_id', '=', tenant.organizationId)
      .execute()
    const { data: schedules } = await must(tenant.send('GET /api/schedules'))
    for (const { id } of schedules)
      await eventually(async () => {
        const { data } = await must(tenant.send(`GET /api/schedules/${id}/runs`))
        return data.some(({ status }: { status: string }) => status === 'success') ? true : undefined
      }, 30_000)
    return { ids: [] }
  },
  async insertRows(db, { organizationId, applicationId, agentId }) {
    const id = newUuid()
    const rule = { cron: '0 0 * * *', timezone: 'UTC', missed_fires: 'skip', overlap: 'allow' } as const
    await db
      .insertInto('schedules')
      .values({ id, organization_id: organizationId, application_id: applicationId, agent_id: agentId, ...rule })
      .execute()
    await db
      .insertInto('schedule_fires')
      .values({ application_id: applicationId, schedule_id: id, scheduled_for: new Date(0), outcome: 'started' })
      .execute()
  },
}
