// own-process: starts, kills and freezes PostgreSQL servers, and holds locks in this process.
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EmbeddedPostgresUnavailable } from './start-embedded-postgres.ts'
import {
  cleanUp,
  clusterProcesses,
  connectTo,
  copyOf,
  createTemplate,
  identities,
  self,
  startHere,
  startServer,
  temporaryDirectory,
  until,
  type Identity,
} from './testing/embedded-server.ts'

afterAll(cleanUp)

/** The TCP sockets, in any state, that a process has open. */
function tcpSockets(pid: number): string[] {
  const inodes = new Set(
    ['tcp', 'tcp6'].flatMap((table) =>
      readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/)[9]),
    ),
  )
  const open = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`))
  return open.filter((target) => target.startsWith('socket:') && inodes.has(target.slice('socket:['.length, -1)))
}

describe.concurrent.each(identities)('the embedded PostgreSQL, run by $name', (identity: Identity) => {
  it('is created at the first start, is private, and keeps its rows after a restart', async () => {
    const dataDir = join(temporaryDirectory(identity), 'not', 'there', 'yet')
    const first = startServer({ dataDir, identity, env: { APPSTRATE_TEST_SECRET: 'opensesame', PGPORT: '6543' } })
    const { pid, socketDir } = await first.ready()
    const settings = `select current_setting('listen_addresses') as tcp, current_setting('fsync') as fsync,
      current_setting('data_checksums') as checksums,
      current_setting('server_encoding') as encoding, current_setting('shared_buffers') as buffers,
      current_setting('jit') as jit,
      current_setting('server_version_num')::int / 10000 as major`
    expect(await first.query(settings)).toEqual([
      { tcp: '', fsync: 'on', checksums: 'on', encoding: 'UTF8', buffers: '64MB', jit: 'off', major: 18 },
    ])
    expect(await first.query(`select upper('é') as upper, 'ä' > 'z' as codepoints`)).toEqual([
      { upper: 'É', codepoints: true },
    ])
    expect(statSync(socketDir).mode & 0o777).toBe(0o700)
    expect(statSync(join(dataDir, 'postgres')).mode & 0o777).toBe(0o700)
    expect(tcpSockets(pid)).toEqual([])
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('opensesame')

    await first.query(`create table t (v text); insert into t values ('kept')`)
    const session = await first.connect()
    await session.query(`begin; insert into t values ('never committed')`)
    await first.stop()
    expect(clusterProcesses(dataDir)).toEqual([])
    expect(first.events.flatMap(({ log, text }) => (log === undefined || log === 'debug' ? [] : [text]))).toEqual([
      'Created the embedded database.',
    ])
    const second = startServer({ dataDir, identity })
    expect(await second.query('select v from t')).toEqual([{ v: 'kept' }])
    expect(readdirSync(dataDir).sort()).toEqual(['postgres', 'postgres.lock', 'postgres.password', 'postgres.sock'])
  })
})

describe.concurrent('the embedded PostgreSQL', () => {
  let template = ''
  beforeAll(async () => {
    template = await createTemplate(self)
  })

  it('accepts settings, except those that would expose or move it, and forwards failures to the log', async () => {
    const settings = {
      work_mem: '9MB',
      listen_addresses: '*',
      unix_socket_directories: '/tmp',
      logging_collector: 'on',
    }
    const running = await startHere(copyOf(template, self), settings)
    const client = await connectTo(running)
    const shown = await client.query(
      `select current_setting('work_mem') as work_mem, current_setting('listen_addresses') as tcp`,
    )
    expect(shown.rows).toEqual([{ work_mem: '9MB', tcp: '' }])
    expect(tcpSockets(running.pid)).toEqual([])
    await expect(client.query('select 1/0')).rejects.toThrow('division by zero')
    await until('the message', () => running.messages.includes('warn: division by zero'))
    await running.stop()
  })

  it('reports an unknown setting in one line', async () => {
    await expect(startHere(copyOf(template, self), { shared_buffers: 'lots' })).rejects.toThrow(
      /^The embedded PostgreSQL did not start: .*"shared_buffers".*; set DATABASE_URL .*\.$/,
    )
  })

  it('does not receive the Ctrl-C for the server', async () => {
    const server = startServer({ dataDir: copyOf(template, self), identity: self })
    const session = await server.connect()
    process.kill(-server.pid, 'SIGINT')
    expect((await session.query(`select pg_sleep(0.1), 'alive' as state`)).rows).toMatchObject([{ state: 'alive' }])
    await session.end()
  })

  it('can be started again by the process that stopped it, and a second stop has no effect', async () => {
    const dataDir = copyOf(template, self)
    const first = await startHere(dataDir)
    await expect(startHere(dataDir)).rejects.toThrow(`Another server (pid ${process.pid}) uses DATA_DIR`)
    await Promise.all([first.stop(), first.stop()])
    await first.stop()
    const second = await startHere(dataDir)
    expect(second.pid).not.toBe(first.pid)
    await second.stop()
  })

  it('reports an unexpected end, and releases the directory', async () => {
    const dataDir = copyOf(template, self)
    const first = await startHere(dataDir)
    process.kill(first.pid, 'SIGKILL')
    expect(await first.exited).toBe('The embedded PostgreSQL ended unexpectedly (SIGKILL).')
    const second = await startHere(dataDir)
    await second.stop()
    await first.stop()
  })

  it('does not wait forever for a process that does not react to a stop', async () => {
    const dataDir = copyOf(template, self)
    const running = await startHere(dataDir)
    const isCheckpointer = (pid: number): boolean =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('checkpointer')
    const checkpointer = await until('the checkpointer', () => clusterProcesses(dataDir).find(isCheckpointer))
    process.kill(checkpointer, 'SIGSTOP')
    const begunMs = Date.now()
    const stopped = running.stop()
    await until('the second signal', () =>
      running.messages.some((message) => message.includes('immediate shutdown request')),
    )
    await sleep(100)
    process.kill(checkpointer, 'SIGCONT')
    await stopped
    // Without the second signal the checkpointer would have completed the fast shutdown.
    expect(Date.now() - begunMs).toBeGreaterThanOrEqual(5_000)
    expect(clusterProcesses(dataDir)).toEqual([])
    const again = await startHere(dataDir)
    await again.stop()
    expect(again.messages).toContainEqual(expect.stringContaining('was not properly shut down'))
  })

  it('reports in one line that DATA_DIR is not a directory', async () => {
    const dataDir = join(temporaryDirectory(self), 'file')
    writeFileSync(dataDir, '')
    const failure = await startHere(dataDir).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(EmbeddedPostgresUnavailable)
    expect(failure).toHaveProperty(
      'message',
      expect.stringMatching(/^The embedded PostgreSQL cannot write to DATA_DIR .*set DATABASE_URL[^\n]*\.$/),
    )
  })
})
