import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAgent, createModel, keyHeaders } from './client.ts'
import { apply } from './load.ts'
import { kilobytes, megabytes, none, type Benchmark } from './measurement.ts'
import { makeDataDir, startServer, type Server } from './server.ts'

const runs = 1_000
const warmUpRuns = 200
const aimBytes = 300_000

/** The memory that one process needs per run that waits for its model's answer. */
export const waitingRuns: Benchmark = {
  name: 'waiting-runs',
  async measure() {
    const wait = { steps: [{ delayMs: 600_000, text: 'Done.' }] }
    const [dataDir, models] = await Promise.all([
      makeDataDir(),
      startModelServer({ requestsMax: 1, scenarios: { wait } }),
    ])
    const server = await startServer(dataDir.path, { RUNS_CONCURRENT: String(runs), ORGANIZATION_SHARE: '100' })
    try {
      const quick = await createAgent(server, 'quick', await createModel(server, models.url, 'text-only'))
      const slow = await createAgent(server, 'slow', await createModel(server, models.url, 'wait'))
      // Warms up code, pools and caches, so that their memory is not counted as the runs' memory.
      await startRuns(server, models, { agentId: quick, count: warmUpRuns })
      await sleep(1_500)
      const before = await server.memory()
      await startRuns(server, models, { agentId: slow, count: runs })
      await sleep(500)
      const after = await server.memory()
      const rss = (after.rss - before.rss) / runs
      const heap = (after.heapUsed + after.external - before.heapUsed - before.external) / runs
      const measured = `${kilobytes(rss)} each (${kilobytes(heap)} of it live heap); process ${megabytes(after.rss)}`
      const what = '1,000 runs that wait for their model, in one process'
      return [
        {
          what,
          measured,
          baseline: `process ${megabytes(before.rss)} without them`,
          ratio: none,
          aim: '≤ 300 kB each',
          met: rss <= aimBytes,
        },
      ]
    } finally {
      await models.close()
      await server.stop()
      await dataDir.remove()
    }
  },
}

async function startRuns(
  server: Server,
  models: ModelServer,
  { agentId, count }: { agentId: string; count: number },
): Promise<void> {
  const called = models.requests.total + count
  const headers = { ...keyHeaders(server), 'content-type': 'application/json' }
  await apply({
    url: `${server.url}/api/runs`,
    method: 'POST',
    headers,
    body: JSON.stringify({ agentId }),
    connections: 8,
    durationMs: 30_000,
    requestsMax: count,
  })
  for (const deadline = Date.now() + 30_000; models.requests.total < called; await sleep(50)) {
    if (Date.now() > deadline)
      throw new Error(`${called - models.requests.total} of ${count} runs did not call their model.`)
  }
}
