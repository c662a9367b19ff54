import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { Value } from 'typebox/value'
import { Type } from 'typebox'
import { parseWireId } from '../packages/server/src/platform/ids/id.ts'
import type { BareHandler } from './bare-handler.ts'
import { createAgent, keyHeaders } from './client.ts'
import { apply, rateOf, type Load } from './load.ts'
import {
  alternate,
  median,
  none,
  perSecond,
  quantile,
  ratioText,
  milliseconds,
  type Benchmark,
  type Row,
} from './measurement.ts'
import { cpuMicroseconds, nextMessage, startProgram, stopChild } from './processes.ts'
import { makeDataDir, startServer, type Server } from './server.ts'

const agents = 20
const rounds = 8
const load = { method: 'GET', connections: 16, durationMs: 800, requestsMax: 1_000_000 } as const

interface Sample {
  readonly rate: number
  readonly p50Ms: number
  /** CPU time of the process that answered, per request. */
  readonly cpuUs: number
}

/** An authenticated list, against a bare handler of the same framework that returns the same payload. */
export const listAgents: Benchmark = {
  name: 'list-agents',
  async measure() {
    const dataDir = await makeDataDir()
    const server = await startServer(dataDir.path)
    try {
      // The first run has created one already.
      for (let number = 1; number < agents; number += 1) await createAgent(server, `agent-${number}`)
      return await compare(server, dataDir.path)
    } finally {
      await server.stop()
      await dataDir.remove()
    }
  },
}

async function compare(server: Server, dataDir: string): Promise<Row[]> {
  const { orgId, appId } = server.credentials
  const settings: BareHandler = {
    socketDir: await realpath(join(dataDir, 'postgres.sock')),
    password: (await readFile(join(dataDir, 'postgres.password'), 'utf8')).trim(),
    organizationId: parseWireId('org', orgId) ?? '',
    applicationId: parseWireId('app', appId) ?? '',
  }
  const bare = startProgram('bare-handler.ts', settings)
  try {
    const bareUrl = Value.Parse(Type.String(), await nextMessage(bare))
    const measure = (url: string, pid: number, headers: Load['headers']) => async (): Promise<Sample> => {
      const before = await cpuMicroseconds(pid)
      const result = await apply({ ...load, url, headers })
      return {
        rate: rateOf(result),
        p50Ms: quantile(result.latenciesMs, 0.5),
        cpuUs: ((await cpuMicroseconds(pid)) - before) / result.requests,
      }
    }
    return toRows(
      await alternate(rounds, [
        measure(`${server.url}/api/agents`, server.pid, keyHeaders(server)),
        measure(`${bareUrl}/constant`, bare.pid ?? 0, {}),
        measure(`${bareUrl}/query`, bare.pid ?? 0, {}),
      ]),
    )
  } finally {
    await stopChild(bare)
  }
}

function toRows(samples: readonly (readonly Sample[])[]): Row[] {
  const column = (index: number, read: (sample: Sample) => number) =>
    samples.flatMap((round) => round.slice(index, index + 1).map(read))
  const ratios = (index: number) => samples.map((round) => (round[0]?.rate ?? 0) / (round[index]?.rate ?? 1))
  const show = (index: number) => {
    const rate = perSecond(median(column(index, (sample) => sample.rate)))
    const p50 = milliseconds(median(column(index, (sample) => sample.p50Ms)))
    const cpuUs = Math.round(median(column(index, (sample) => sample.cpuUs)))
    return `${rate} (p50 ${p50}, ${cpuUs} µs CPU)`
  }
  const row = (what: string, index: number) => ({
    what,
    measured: show(0),
    baseline: show(index),
    ratio: ratioText(ratios(index)),
  })
  const inMemory = median(ratios(1))
  return [
    {
      ...row('`GET /api/agents` with an API key, 20 agents, against a bare handler with the same in-memory payload', 1),
      aim: '≥ 60 %',
      met: inMemory >= 0.6,
    },
    { ...row('the same against a bare handler that runs the same query', 2), aim: none, met: undefined },
  ]
}
