import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { openWorld, type World, type WorldOptions } from '../world.ts'
import type { Answer } from '../request.ts'
import { createAgent, type AgentOptions } from './agent.ts'
import { connectModel, type ModelOptions } from './model.ts'
import type { Tenant } from './tenant.ts'

/** A world that executes runs against a scripted model server. */
export interface RunWorld extends World {
  readonly models: ModelServer
  /** Creates a tenant with an agent and a default model that plays the scenario. */
  actor(scenario: string, agent?: AgentOptions, model?: Partial<ModelOptions>): Promise<Actor>
}

export interface Actor extends Tenant {
  readonly agentId: string
  readonly modelId: string
  /** Starts a run of the agent and waits for its end (at most 60 s). */
  runToEnd(body?: object): Promise<Answer>
  /** Starts a run of the agent; returns the 202 reply. */
  start(body?: object): Promise<Answer>
  /** The run's log lines, oldest first. */
  logs(
    runId: string,
  ): Promise<{ event: string; seq: number; message: string | null; data: Record<string, unknown> | null }[]>
}

export async function openRunWorld(options: WorldOptions = {}): Promise<RunWorld> {
  const models = await startModelServer({ requestsMax: 5000 })
  const world = await openWorld({ worker: true, ...options })
  return {
    ...world,
    models,
    actor: (scenario, agent, model) => createActor(world, { url: models.url, scenario, ...model }, agent),
    async close() {
      await world.close()
      await models.close()
    },
  }
}

async function createActor(world: World, model: ModelOptions, agent: AgentOptions = {}): Promise<Actor> {
  const tenant = await world.tenant()
  const modelId = await connectModel(world.platform, tenant, model)
  const agentId = await createAgent(tenant, agent)
  return {
    ...tenant,
    agentId,
    modelId,
    start: (body = {}) => tenant.send('POST /api/runs', { body: { agentId, ...body } }),
    runToEnd: (body = {}) =>
      tenant.send('POST /api/runs', { body: { agentId, ...body }, headers: { prefer: 'wait=60' } }),
    logs: async (runId) => (await tenant.send(`GET /api/runs/${runId}/logs`, { query: { pageSize: 100 } })).body.data,
  }
}

/** Polls until the result is defined; throws after the deadline. */
export async function eventually<T>(look: () => Promise<T | undefined>, deadlineMs = 10_000): Promise<T> {
  const deadline = Date.now() + deadlineMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error('The expected state was not reached in time.')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
