import { createServer, type Server as HttpServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Db } from '../packages/server/src/platform/db/database.ts'
import { newUuid, parseWireId } from '../packages/server/src/platform/ids/id.ts'
import { keyHeaders, send } from './client.ts'
import { openDatabaseStage } from './database-stage.ts'
import { median, milliseconds, percent, perSecond, quantile, type Benchmark, type Row } from './measurement.ts'
import { freePort } from './processes.ts'
import type { Server } from './server.ts'

const applications = 5
const webhooksEach = 10
/** Number of simultaneous events; each goes to all webhooks of one application. */
const burstEvents = 1_000
const pacedEvents = 200
const paceMs = 100
const arrivedMs = 180_000
const aimRatio = 1.5

/** 50 receivers, of which five hang: how much that delays the others. */
export const webhooks: Benchmark = {
  name: 'webhooks',
  async measure() {
    const stage = await openDatabaseStage({ ROLE: 'all', ALLOW_PRIVATE_ADDRESSES: 'true' })
    const database = stage.connect(2)
    const receivers = await openReceivers()
    try {
      const applicationIds = await createWebhooks(stage.server, database.db, receivers)
      const publish = (events: number, everyMs: number) =>
        publishAll(database.db, receivers, { events, everyMs, applicationIds })
      // Warms up code, connections and the known pace of each receiver before the first measurement.
      await publish(100, 10)
      const calm = { paced: await publish(pacedEvents, paceMs), burst: await publish(burstEvents, 0) }
      receivers.hang()
      await publish(20, 10)
      const hanging = { paced: await publish(pacedEvents, paceMs), burst: await publish(burstEvents, 0) }
      const pace = perSecond((webhooksEach * 1000) / paceMs)
      return [
        toRow(
          `from an event to its arrival at 45 receivers, ${pace}, while 5 more hang, against 5 that answer`,
          hanging.paced,
          calm.paced,
        ),
        toRow('the same, 10,000 deliveries at once', hanging.burst, calm.burst),
      ]
    } finally {
      await receivers.close()
      await database.close()
      await stage.close()
    }
  },
}

interface Receivers {
  readonly urls: readonly string[]
  /** The latencies of the receivers that always answer, since the last call. */
  takeLatencies(): number[]
  arrived(): number
  /** From now on the first webhook of each application does not answer. */
  hang(): void
  close(): Promise<void>
}

async function openReceivers(): Promise<Receivers> {
  const servers: HttpServer[] = []
  const urls: string[] = []
  let latenciesMs: number[] = []
  let isHanging = false
  for (let index = 0; index < applications * webhooksEach; index += 1) {
    const mayHang = index % webhooksEach === 0
    const server = createServer((request, response) => {
      const arrivedAtMs = performance.now()
      let text = ''
      request.on('data', (chunk: Buffer) => void (text += chunk.toString()))
      request.on('end', () => {
        if (mayHang && isHanging) return
        response.writeHead(204).end()
        if (!mayHang) latenciesMs.push(arrivedAtMs - Number(/"sentAt":([\d.]+)/.exec(text)?.[1]))
      })
    })
    const port = await freePort()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    servers.push(server)
    urls.push(`http://127.0.0.1:${port}/hook`)
  }
  return {
    urls,
    takeLatencies() {
      const taken = latenciesMs
      latenciesMs = []
      return taken
    },
    arrived: () => latenciesMs.length,
    hang: () => void (isHanging = true),
    async close() {
      for (const server of servers) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    },
  }
}

// An application has at most 20 webhooks: creates each group in the application of the API key, then moves it.
async function createWebhooks(server: Server, db: Db, { urls }: Receivers): Promise<string[]> {
  const [organizationId, own] = [
    parseWireId('org', server.credentials.orgId) ?? '',
    parseWireId('app', server.credentials.appId) ?? '',
  ]
  const ids: string[] = []
  for (let index = 0; index < applications; index += 1) {
    for (const url of urls.slice(index * webhooksEach, (index + 1) * webhooksEach)) {
      await send(`${server.url}/api/webhooks`, keyHeaders(server), { url, events: ['run.completed'] })
    }
    const id = newUuid()
    const name = `Application ${index}`
    await sql`insert into applications (id, organization_id, name) values (${id}, ${organizationId}, ${name})`.execute(
      db,
    )
    await sql`update webhooks set application_id = ${id} where application_id = ${own}`.execute(db)
    ids.push(id)
  }
  return ids
}

interface Published {
  readonly latenciesMs: readonly number[]
  readonly seconds: number
}

async function publishAll(
  db: Db,
  receivers: Receivers,
  load: { events: number; everyMs: number; applicationIds: readonly string[] },
): Promise<Published> {
  const { events, everyMs, applicationIds } = load
  receivers.takeLatencies()
  const startedMs = performance.now()
  const perStatement = everyMs === 0 ? events : 1
  for (let written = 0; written < events; written += perStatement) {
    const dueMs = performance.now() + everyMs
    await sql`
      insert into outbox (organization_id, application_id, run_id, agent_id, type, payload)
      select organization_id, id, gen_random_uuid(), gen_random_uuid(), 'run.completed',
        jsonb_build_object('status', 'success', 'sentAt', ${performance.now()}::float8)
      from generate_series(${written}::int, ${written + perStatement - 1}::int) as n
      join applications on id = (${applicationIds}::uuid[])[1 + n % ${applicationIds.length}]`.execute(db)
    await sql`select pg_notify('appstrate_wake', ${JSON.stringify(['bench', [['outbox', '']]])})`.execute(db)
    await sleep(Math.max(0, dueMs - performance.now()))
  }
  const expected = events * (webhooksEach - 1)
  for (const deadline = Date.now() + arrivedMs; receivers.arrived() < expected; await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`Of ${expected} deliveries ${receivers.arrived()} arrived in time.`)
  }
  return { latenciesMs: receivers.takeLatencies(), seconds: (performance.now() - startedMs) / 1000 }
}

function toRow(what: string, hanging: Published, calm: Published): Row {
  const show = ({ latenciesMs, seconds }: Published) => {
    const [p50, p99] = [median(latenciesMs), quantile(latenciesMs, 0.99)].map(milliseconds)
    return `p50 ${p50}, p99 ${p99}; ${perSecond(latenciesMs.length / seconds)}`
  }
  const ratio = quantile(hanging.latenciesMs, 0.99) / quantile(calm.latenciesMs, 0.99)
  return {
    what,
    measured: show(hanging),
    baseline: show(calm),
    ratio: `p99 ${percent(ratio)}`,
    aim: `p99 ≤ ${percent(aimRatio)}`,
    met: ratio <= aimRatio,
  }
}
