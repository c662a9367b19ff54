import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signIn } from '../journeys.ts'
import { ChaosClient } from './chaos-client.ts'
import { startFaultyModels, type FaultyModels } from './faulty-models.ts'
import { injectFault } from './inject-fault.ts'
import { startInstallation, type Installation } from './installation.ts'
import {
  expectDeletedStaysDeleted,
  expectEveryFireOnce,
  expectEveryRunOnce,
  expectSoundAuditLogs,
  expectSoundJournals,
  expectWholeStreams,
  readAftermath,
} from './invariants.ts'
import { createLedger } from './ledger.ts'
import { perform, type Load } from './load.ts'
import { expectEveryMessage } from './messages.ts'
import { makePlan } from './plan.ts'
import { startReceiver, type Receiver } from './receiver.ts'
import { createWatch, endSchedules, settle } from './settle.ts'
import { createTenants, scenarios } from './tenants.ts'

// `npm run chaos` sets these.
const seconds = Number(process.env['CHAOS_SECONDS'] ?? 30)
const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000))
const tier = process.env['TEST_DATABASE_URL'] === undefined ? 'embedded' : 'services'
const plan = makePlan({ seed, tier, seconds })
const again = `npm run chaos -- --tier ${tier} --seconds ${seconds} --seed ${seed}`

describe(`${seconds} s of faults (to repeat: ${again})`, () => {
  let models: FaultyModels
  let receiver: Receiver
  let installation: Installation
  let load: Load

  beforeAll(async () => {
    models = await startFaultyModels(scenarios)
    receiver = await startReceiver(seed)
    installation = await startInstallation(tier)
    const tenants = await createTenants({ installation, models, receiver })
    const { firstRun, nodes } = installation
    const session = await signIn(firstRun.url, firstRun)
    load = { installation, client: new ChaosClient(nodes), tenants, ledger: createLedger(), session }
  }, 180_000)
  afterAll(async () => {
    for (const reader of load.ledger.followed.values()) reader.close()
    await installation.remove()
    await receiver.close()
    await models.close()
  }, 120_000)

  it('lose no work and repeat none', { timeout: 600_000 + seconds * 3_000 }, async () => {
    // eslint-disable-next-line no-console -- shown also if the process is killed
    console.log(again)
    const before = await footprint()
    startedMs = Date.now()
    const stop = new AbortController()
    const watched = watch(stop.signal)
    try {
      await allDone([...plan.faults.map(cause), ...plan.actions.map(act)])
      receiver.behave()
      await settle(installation)
    } finally {
      stop.abort()
    }
    await watched
    const disabledAt = await endSchedules(load)
    await settle(installation)

    const aftermath = await readAftermath(load)
    expectEveryRunOnce(load, aftermath)
    expectSoundJournals(aftermath)
    await expectWholeStreams(load, aftermath)
    await expectEveryFireOnce(load, aftermath, disabledAt)
    await expectEveryMessage(load, aftermath, receiver)
    await expectSoundAuditLogs(load)
    await expectDeletedStaysDeleted(load)
    await expect
      .poll(async () => growthBetween(before, await footprint()), { timeout: 30_000, interval: 1_000 })
      .toEqual([])
    const { exitCodes, leftovers } = await installation.stop()
    expect(exitCodes).toEqual(exitCodes.map(() => 0))
    expect(leftovers).toEqual([])
    // eslint-disable-next-line no-console -- shows the figures of the test run
    console.log(
      `${plan.faults.length} faults, ${load.ledger.runs.length} runs requested, ${aftermath.runs.length} checked,`,
      `${load.ledger.moved.length} fires moved, ${receiver.taken.length} messages, ${receiver.refused()} refused,`,
      `${models.failed()} model calls failed`,
    )
  })

  let startedMs = 0
  const until = (atMs: number) => sleep(Math.max(0, startedMs + atMs - Date.now()))
  async function cause(fault: (typeof plan.faults)[number]): Promise<void> {
    await until(fault.atMs)
    await injectFault({ installation, models, receiver }, fault)
  }
  async function act(action: (typeof plan.actions)[number]): Promise<void> {
    await until(action.atMs)
    await perform(load, action)
  }

  async function watch(signal: AbortSignal): Promise<void> {
    const look = createWatch(installation)
    while (!signal.aborted) {
      expect(await look(), 'runs that went back').toEqual([])
      await sleep(1_000)
    }
  }

  /** Open descriptors and memory of the nodes, and their database connections. */
  async function footprint(): Promise<Footprint> {
    const pids = installation.nodes.flatMap(({ instance }) => instance.pid() ?? [])
    const counts = await Promise.all(pids.map(async (pid) => (await readdir(`/proc/${pid}/fd`)).length))
    const memory = await Promise.all(
      pids.map(async (pid) => Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1])),
    )
    const [row] = await installation.query<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity
       where datname = current_database() and backend_type = 'client backend' and application_name <> 'chaos'`,
    )
    return { descriptors: Math.max(...counts), memoryMib: Math.max(...memory) / 1024, connections: row?.count ?? 0 }
  }
})

/** Waits for all, also after one has failed, so that none goes on after the test. */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work)
  await Promise.all(work)
}

interface Footprint {
  readonly descriptors: number
  readonly memoryMib: number
  readonly connections: number
}

/** What has grown by more than pools and the heap of a process may; empty when all is well. */
function growthBetween(before: Footprint, after: Footprint): string[] {
  const allowed: Footprint = {
    descriptors: before.descriptors + 150,
    memoryMib: before.memoryMib * 2 + 200,
    connections: before.connections + 30,
  }
  const names = ['descriptors', 'memoryMib', 'connections'] as const
  return names.flatMap((name) =>
    after[name] <= allowed[name] ? [] : [`${name}: ${before[name]} before, ${after[name]} after`],
  )
}
