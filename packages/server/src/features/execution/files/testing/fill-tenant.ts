import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async forHolder(_making, { send, mark }) {
    const form = new FormData()
    form.set('file', new Blob([`note\n${mark}\n`]), `${mark}.csv`)
    return { ids: [(await must(send('POST /api/files', { rawBody: form }))).id] }
  },
}
