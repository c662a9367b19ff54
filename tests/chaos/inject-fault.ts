import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultyModels, ModelMode } from './faulty-models.ts'
import type { Installation, Node } from './installation.ts'
import type { Fault, FaultKind } from './plan.ts'
import type { Receiver } from './receiver.ts'

/** Everything that can fail. */
export interface Surroundings {
  readonly installation: Installation
  readonly models: FaultyModels
  readonly receiver: Receiver
}

const slowMs = 150

/** Causes a fault, waits for as long as it lasts, and ends it. */
export async function injectFault(around: Surroundings, fault: Fault): Promise<void> {
  await inject[fault.kind](around, fault)
}

type Injection = (around: Surroundings, fault: Fault) => Promise<void>

const inject: Readonly<Record<FaultKind, Injection>> = {
  'kill-node': (around, fault) => restart(around, fault, (node) => node.instance.kill()),
  'stop-node': (around, fault) => restart(around, fault, (node) => node.instance.stop()),
  // The server cannot continue without its database: it exits, and is started again as a supervisor would do.
  'kill-database': (around, fault) =>
    restart(around, fault, async ({ instance }) => {
      process.kill(await around.installation.databasePid(), 'SIGKILL')
      for (let waitedMs = 0; instance.pid() !== undefined && waitedMs < 20_000; waitedMs += 50) await sleep(50)
      if (instance.pid() !== undefined) throw new Error('The server did not exit after the end of its database.')
    }),
  'reset-clients': async ({ installation }) => {
    for (const { edge } of installation.nodes) edge.reset()
  },
  'slow-clients': during(
    ({ installation }) => installation.nodes.map(({ edge }) => edge),
    (edge) => edge.delay(slowMs),
  ),
  'end-sessions': async ({ installation }) => {
    await installation.query(`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name <> 'chaos' and backend_type = 'client backend'`)
  },
  'lock-runs': async ({ installation }, { forMs }) => {
    // The database may be away, or may go away meanwhile: then there is no lock.
    const client = await installation.connect().catch(() => undefined)
    await client?.query("begin; set local lock_timeout = '10s'; lock table runs").catch(() => undefined)
    await sleep(forMs)
    await client?.end().catch(() => undefined)
  },
  'models-down': withModels('down'),
  'models-limited': withModels('limited'),
  'models-cut': withModels('cut'),
  'receiver-down': async ({ receiver }, { forMs }) => {
    receiver.setDown(true)
    await sleep(forMs)
    receiver.setDown(false)
  },
  'refuse-database': during(databaseOf, (proxy) => proxy.refuse()),
  'reset-database': async (around) => databaseOf(around).forEach((proxy) => proxy.reset()),
  'slow-database': during(databaseOf, (proxy) => proxy.delay(slowMs / 5)),
  'swallow-database': during(databaseOf, (proxy) => proxy.swallow()),
  'refuse-redis': during(redisOf, (proxy) => proxy.refuse()),
  'reset-redis': async (around) => redisOf(around).forEach((proxy) => proxy.reset()),
  'swallow-redis': during(redisOf, (proxy) => proxy.swallow()),
}

/** The last restart of each node: a restart that takes longer than planned must end before the next one. */
const restarts = new WeakMap<Node, Promise<void>>()

function restart(
  { installation: { nodes } }: Surroundings,
  { forMs, node }: Fault,
  end: (node: Node) => Promise<unknown>,
): Promise<void> {
  const chosen = nodes[node % nodes.length]
  if (chosen === undefined) return Promise.resolve()
  const restarted = (restarts.get(chosen) ?? Promise.resolve()).then(async () => {
    await end(chosen)
    await sleep(Math.min(forMs, 500))
    await start(chosen)
  })
  restarts.set(chosen, restarted)
  return restarted
}

/** Starts a node, again if a fault of its surroundings ended it while it started. */
async function start({ instance }: Node): Promise<void> {
  for (const deadline = Date.now() + 90_000; ; ) {
    try {
      return void (await instance.start())
    } catch (error) {
      if (instance.pid() !== undefined || Date.now() > deadline) throw error
      await sleep(200)
    }
  }
}

type Proxy = Node['edge']

function during(
  proxiesOf: (around: Surroundings) => Proxy[],
  begin: (proxy: Proxy) => Promise<void> | void,
): Injection {
  return async (around, { forMs }) => {
    for (const proxy of proxiesOf(around)) await begin(proxy)
    await sleep(forMs)
    for (const proxy of proxiesOf(around)) await proxy.restore()
  }
}

function withModels(mode: ModelMode): Injection {
  return async ({ models }, { forMs }) => {
    models.behave(mode)
    await sleep(forMs)
    models.behave('well')
  }
}

function databaseOf({ installation }: Surroundings): Proxy[] {
  return installation.database === undefined ? [] : [installation.database]
}

function redisOf({ installation }: Surroundings): Proxy[] {
  return installation.redis === undefined ? [] : [installation.redis]
}
