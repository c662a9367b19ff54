import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from '../../../testing/free-port.ts'

// Ends with the test's process, however that one ends.
const launcher = ['setpriv', '--pdeathsig', 'KILL', 'redis-server'] as const

/** True where the tests can start Redis servers of their own. */
export const hasRedisServer = spawnSync(launcher[0], [...launcher.slice(1), '--version']).status === 0

/** A Redis of one test's own, to be stopped, killed and held in mid-test. */
export interface RedisServer {
  readonly url: string
  start(): Promise<void>
  /** SIGKILL; its data is lost. */
  kill(): Promise<void>
  /** Stops answering without closing connections, as a machine that hangs does. */
  freeze(): void
  thaw(): void
  /** A command on a connection of its own. */
  ask<T>(command: (redis: Redis) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Starts a Redis on a free port of 127.0.0.1, in a temporary directory. */
export async function startRedisServer(): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'appstrate-redis-'))
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  const server: RedisServer = {
    url,
    async start() {
      const arguments_ = [
        '--bind',
        '127.0.0.1',
        '--port',
        String(port),
        '--dir',
        directory,
        '--save',
        '',
        '--appendonly',
        'no',
      ]
      child = spawn(launcher[0], [...launcher.slice(1), ...arguments_], { stdio: 'ignore' })
      await server.ask((redis) => redis.ping())
    },
    async kill() {
      const dying = child
      child = undefined
      if (dying === undefined || dying.exitCode !== null) return
      const exited = once(dying, 'exit')
      dying.kill('SIGKILL')
      await exited
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async ask(command) {
      const redis = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: 200 })
      redis.on('error', () => undefined)
      return command(redis).finally(() => redis.disconnect())
    },
    async close() {
      await server.kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}
