import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inApplication({ tenant, marks, receiverUrl }) {
    const mark = marks.application
    const body = { url: `${receiverUrl}/${mark}`, description: mark, events: ['run.started', 'run.completed'] }
    return { ids: [(await must(tenant.send('POST /api/webhooks', { body }))).id] }
  },
}
