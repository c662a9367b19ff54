// A benchmark of bench/run.ts. `BENCH_OVERLOAD_SECONDS=180` sets the duration of the overload; the default is 20.
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { createAgent, createOrganization, keyHeaders } from './client.ts'
import { openDatabaseStage } from './database-stage.ts'
import { apply, rateOf } from './load.ts'
import { median, milliseconds, none, perSecond, percent, quantile, type Benchmark, type Row } from './measurement.ts'
import { nextMessage, startProgram } from './processes.ts'

const seconds = Number(process.env['BENCH_OVERLOAD_SECONDS'] ?? 20)
const sustainedMs = 5_000
const factor = 2
const admittedAimMs = 500
const refusedAimMs = 50

/** Requests at a fixed rate, however long the replies take. */
export interface OpenLoad {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly rate: number
  readonly seconds: number
  /** Every how manieth request is a read of the same organization. */
  readonly readEvery: number
  /** Sends ten reads a second of an organization that has little to do. */
  readonly calmHeaders: Readonly<Record<string, string>>
}

const Times = Type.Object({ admittedMs: Type.Array(Type.Number()), refusedMs: Type.Array(Type.Number()) })
export const OpenLoadResult = Type.Object({ creations: Times, reads: Times, calm: Times, failures: Type.Integer() })
export type OpenLoadResult = Static<typeof OpenLoadResult>

/** A server that gets twice as many requests as it can answer. */
export const overload: Benchmark = {
  name: 'overload',
  async measure() {
    const stage = await openDatabaseStage()
    const { server } = stage
    try {
      const agentId = await createAgent(server, 'hello')
      const calmHeaders = await createOrganization(server, 'Calm')
      const body = JSON.stringify({ agentId, input: { text: 'A plain sentence as input.' } })
      const headers = { ...keyHeaders(server), 'content-type': 'application/json' }
      const url = `${server.url}/api/runs`
      const load = { url, method: 'POST', headers, body, connections: 16, requestsMax: 1_000_000 } as const
      await apply({ ...load, durationMs: 1_000 })
      const sustained = await apply({ ...load, durationMs: sustainedMs })
      const rate = rateOf(sustained) * factor
      const settings: OpenLoad = { url: server.url, headers, body, rate, seconds, readEvery: 5, calmHeaders }
      const answer = await nextMessage(startProgram('open-load.ts', settings))
      return toRows(Value.Parse(OpenLoadResult, answer), rateOf(sustained), median(sustained.latenciesMs))
    } finally {
      await stage.close()
    }
  },
}

function toRows(
  { creations, reads, calm, failures }: OpenLoadResult,
  sustained: number,
  sustainedP50Ms: number,
): Row[] {
  const admitted = [...creations.admittedMs, ...reads.admittedMs, ...calm.admittedMs]
  const refused = [...creations.refusedMs, ...reads.refusedMs, ...calm.refusedMs]
  const times = (values: readonly number[]) =>
    values.length === 0
      ? 'none'
      : `p50 ${milliseconds(quantile(values, 0.5))}, p99 ${milliseconds(quantile(values, 0.99))}`
  const share = ({ admittedMs, refusedMs }: OpenLoadResult['reads']) =>
    percent(admittedMs.length / (admittedMs.length + refusedMs.length))
  const baseline = `${perSecond(sustained)}, p50 ${milliseconds(sustainedP50Ms)}`
  const row = (what: string, measured: string) => ({ what, measured, baseline, ratio: none, aim: none, met: undefined })
  return [
    {
      ...row(`twice the sustained rate for ${seconds} s: what is admitted`, times(admitted)),
      aim: `p99 ≤ ${admittedAimMs} ms`,
      met: quantile(admitted, 0.99) <= admittedAimMs,
    },
    {
      ...row('the same: what is refused with 503', `${times(refused)}; ${failures} failed otherwise`),
      aim: `p99 ≤ ${refusedAimMs} ms`,
      met: refused.length > 0 && quantile(refused, 0.99) <= refusedAimMs && failures === 0,
    },
    row('the same: `POST /api/runs`', `${share(creations)} admitted, ${times(creations.admittedMs)}`),
    row('the same: reads of the same organization', `${share(reads)} admitted, ${times(reads.admittedMs)}`),
    row('the same: reads of another organization', `${share(calm)} admitted, ${times(calm.admittedMs)}`),
  ]
}
