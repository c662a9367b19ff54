import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from '../../../testing/free-port.ts'

// Ends together with the process of the test, even if that is killed.
const launcher = ['setpriv', '--pdeathsig', 'KILL', 'redis-server'] as const

/** True if tests can start their own Redis servers. */
export const hasRedisServer = spawnSync(launcher[0], [...launcher.slice(1), '--version']).status === 0

/** A Redis server for one test, which can be killed and suspended. */
export interface RedisServer {
  readonly url: string
  start(): Promise<void>
  /** SIGKILL; its data is lost. */
  kill(): Promise<void>
  /** Stops answering without closing connections, like a machine that hangs. */
  freeze(): void
  thaw(): void
  /** Runs a command on a separate connection. */
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
