// own-process: starts, kills and freezes PostgreSQL servers, and holds locks in this process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  cleanUp,
  clusterProcesses,
  copyOf,
  createTemplate,
  identities,
  isRunning,
  startServer,
  until,
  type Identity,
  type ServerProcess,
} from './testing/embedded-server.ts'

afterAll(cleanUp)

const keep = (value: string): string => `insert into kept values ('${value}')`

/** Kills the server and its whole PostgreSQL at once, like a power failure, so that nothing can clean up. */
async function killEverything(server: ServerProcess, dataDir: string): Promise<void> {
  const pids = clusterProcesses(dataDir)
  expect(pids.length).toBeGreaterThan(1)
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  await server.kill('SIGKILL')
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await until('the end of everything', () => clusterProcesses(dataDir).length === 0)
}

describe.concurrent.each(identities)('after a kill, run by $name', (identity: Identity) => {
  let template = ''
  beforeAll(async () => {
    template = await createTemplate(identity)
  })

  it('of the server, PostgreSQL shuts down by itself and an immediate restart finds every committed row', async () => {
    const dataDir = copyOf(template, identity)
    const first = startServer({ dataDir, identity })
    const { pid } = await first.ready()
    await first.query(keep('committed'))
    const session = await first.connect()
    await session.query(`begin; ${keep('open')}`)
    await first.kill('SIGKILL')

    const second = startServer({ dataDir, identity })
    expect(await second.query('select value from kept')).toEqual([{ value: 'committed' }])
    expect(isRunning(pid)).toBe(false)
    expect(second.events.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/^database system was shut down at /),
    )
  })

  it('of the server, a restart waits for a PostgreSQL that is slow to shut down', async () => {
    const dataDir = copyOf(template, identity)
    const first = startServer({ dataDir, identity })
    const { pid } = await first.ready()
    process.kill(pid, 'SIGSTOP')
    await first.kill('SIGKILL')

    const second = startServer({ dataDir, identity })
    await second.event('begun')
    await sleep(400)
    expect(second.events.filter(({ ready, failed }) => ready ?? failed)).toEqual([])
    process.kill(pid, 'SIGCONT')
    expect(await second.query('select 1 as up')).toEqual([{ up: 1 }])
  })

  it('of everything, a restart recovers every committed row, although another process has the old pid', async () => {
    const dataDir = copyOf(template, identity)
    const first = startServer({ dataDir, identity })
    await first.query(keep('committed'))
    await killEverything(first, dataDir)

    const pidFile = join(dataDir, 'postgres', 'postmaster.pid')
    const [file = '', ...args] = [...identity.prefix, 'sleep', '60']
    const bystander = spawn(file, args)
    await once(bystander, 'spawn')
    writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(bystander.pid)))
    const second = startServer({ dataDir, identity })
    expect(await second.query('select value from kept')).toEqual([{ value: 'committed' }])
    expect(bystander.exitCode).toBeNull()
    bystander.kill('SIGKILL')
  })

  it('of only the postmaster, the server is notified and a restart ends the query that still runs', async () => {
    const dataDir = copyOf(template, identity)
    const first = startServer({ dataDir, identity })
    const { pid } = await first.ready()
    const session = await first.connect()
    // A query that computes, unlike one that waits, does not notice that its postmaster has died.
    const busy = session.query('select count(*) from (select generate_series(1, 1000000000)) n').catch(() => 'ended')
    const busyQueries = `select count(*)::int from pg_stat_activity
      where state = 'active' and query like '%(1, 1000000000)%' and pid <> pg_backend_pid()`
    while ((await first.query(busyQueries))[0]?.['count'] !== 1) await sleep(10)
    process.kill(pid, 'SIGKILL')
    expect(await first.event('exited')).toEqual({ exited: 'The embedded PostgreSQL ended unexpectedly (SIGKILL).' })
    expect(clusterProcesses(dataDir)).not.toEqual([])

    const second = startServer({ dataDir, identity })
    expect(await second.query('select 1 as up')).toEqual([{ up: 1 }])
    expect(await busy).toBe('ended')
  })
})
