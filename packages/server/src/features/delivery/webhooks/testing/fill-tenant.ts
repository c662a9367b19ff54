import { newUuid } from '../../../../platform/ids/id.ts'
import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inApplication({ tenant, marks, receiverUrl }) {
    const mark = marks.application
    const body = { url: `${receiverUrl}/${mark}`, description: mark, events: ['run.started', 'run.completed'] }
    return { ids: [(await must(tenant.send('POST /api/webhooks', { body }))).id] }
  },
  async insertRows(db, { organizationId, applicationId }) {
    const webhook = {
      id: newUuid(),
      organization_id: organizationId,
      application_id: applicationId,
      url: 'https://a.example',
      api_version: '2026-03-21',
      encrypted_secret: 'x',
      payload_mode: 'full',
      signing: 'hmac',
    } as const
    await db
      .insertInto('webhooks')
      .values({ ...webhook, events: ['run.completed'] })
      .execute()
  },
}
