import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async forHolder(making, { send, mark, idOf }) {
    const note = { note: mark }
    const run = await must(
      send('POST /api/runs', {
        body: { agentId: making.idOf('agent'), input: note, metadata: note, files: [idOf('file')] },
        headers: { prefer: 'wait=60' },
      }),
    )
    if (run.status !== 'success') throw new Error(`The run did not succeed: ${JSON.stringify(run.error)}`)
    return { ids: [run.id] }
  },
}
