import { startModelServer } from '@appstrate/model-server'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { createAgent, createModel, keyHeaders, send } from './client.ts'
import { followStream, type StreamEvent } from './event-stream.ts'
import { milliseconds, none, quantile, type Benchmark, type Row } from './measurement.ts'
import { makeDataDir, startServer, type Server } from './server.ts'

const runs = 200
const warmUpRuns = 30
const RunId = Type.Object({ id: Type.String() })
const RunUpdate = Type.Object({ id: Type.String(), status: Type.String() })

/** Time from sending `POST /api/runs` to the event of the run's start, one run after the other. */
export const startRun: Benchmark = {
  name: 'start-run',
  async measure() {
    const [dataDir, models] = await Promise.all([makeDataDir(), startModelServer({ requestsMax: 1 })])
    const server = await startServer(dataDir.path)
    try {
      const agentId = await createAgent(server, 'hello', await createModel(server, models.url, 'hello'))
      return await measureRuns(server, agentId)
    } finally {
      await server.stop()
      await models.close()
      await dataDir.remove()
    }
  },
}

async function measureRuns(server: Server, agentId: string): Promise<Row[]> {
  const updates = watchUpdates()
  const stream = await followStream(`${server.url}/api/realtime/runs`, {
    headers: keyHeaders(server),
    onEvent: updates.take,
  })
  const startedMs: number[] = []
  const endedMs: number[] = []
  for (let count = 0; count < warmUpRuns + runs; count += 1) {
    const sentMs = performance.now()
    const { id } = Value.Parse(RunId, await send(`${server.url}/api/runs`, keyHeaders(server), { agentId }))
    const ended = await updates.when(id, 'success')
    if (count < warmUpRuns) continue
    startedMs.push((await updates.when(id, 'running')) - sentMs)
    endedMs.push(ended - sentMs)
  }
  stream.close()
  const show = (values: readonly number[]) =>
    `p50 ${milliseconds(quantile(values, 0.5))}, p99 ${milliseconds(quantile(values, 0.99))}`
  const plain = { baseline: none, ratio: none }
  return [
    {
      what: '`POST /api/runs` to the `started` event on an open stream, 200 runs in turn',
      measured: show(startedMs),
      ...plain,
      aim: 'p50 ≤ 20 ms',
      met: quantile(startedMs, 0.5) <= 20,
    },
    {
      what: 'the same to the end of the run: two scripted model calls, one tool call',
      measured: show(endedMs),
      ...plain,
      aim: none,
      met: undefined,
    },
  ]
}

// An event can arrive before the reply to the request that caused it, so all events are kept.
function watchUpdates(): { take(event: StreamEvent): void; when(id: string, status: string): Promise<number> } {
  const arrived = new Map<string, number>()
  const awaited = new Map<string, (arrivedMs: number) => void>()
  return {
    take({ name, data, arrivedMs }) {
      if (name !== 'run_update' || !Value.Check(RunUpdate, data)) return
      const key = `${data.id} ${data.status}`
      arrived.set(key, arrivedMs)
      awaited.get(key)?.(arrivedMs)
    },
    when(id, status) {
      const key = `${id} ${status}`
      const known = arrived.get(key)
      if (known !== undefined) return Promise.resolve(known)
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${id} did not become ${status}.`)), 10_000)
        awaited.set(key, (arrivedMs) => {
          clearTimeout(timer)
          resolve(arrivedMs)
        })
      })
    },
  }
}
