import type { Tenant } from './tenant.ts'

export interface AgentOptions {
  readonly name?: string
  readonly prompt?: string
  readonly tools?: readonly string[]
  readonly input?: unknown
  readonly output?: unknown
  readonly modelId?: string
  readonly timeoutSeconds?: number
}

let counter = 0

/** Creates an agent through the API; returns its wire id. */
export async function createAgent(tenant: Tenant, options: AgentOptions = {}): Promise<string> {
  counter += 1
  const body = { name: `agent-${counter}`, displayName: 'Test agent', prompt: 'Do the task.', ...options }
  const answer = await tenant.send('POST /api/agents', { body })
  if (answer.status !== 201) throw new Error(`The agent was not created: ${answer.text}`)
  return String(answer.body.id)
}
