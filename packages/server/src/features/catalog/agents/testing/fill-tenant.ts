import { must, type TenantFilling } from '../../../../testing/isolation/tenant-filling.ts'

export const filling: TenantFilling = {
  async inApplication({ tenant, marks, idOf }) {
    const mark = marks.application
    const agent = await must(
      tenant.send('POST /api/agents', {
        body: {
          name: mark.toLowerCase(),
          displayName: mark,
          description: mark,
          prompt: mark,
          tools: ['output', 'log', 'report', 'bash'],
          modelId: idOf('model'),
        },
      }),
    )
    return {
      ids: [agent.id],
      texts: { agentId: [String(agent.id), String(agent.name)], version: [String(agent.version)] },
    }
  },
}
