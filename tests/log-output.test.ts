import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../packages/server/src/testing/free-port.ts'
import { cloneDatabase, type TestDatabase } from '../packages/server/src/testing/test-database.ts'
import type { Body } from './client.ts'
import { until } from './journeys.ts'

const program = fileURLToPath(new URL('../packages/server/src/processes/api.ts', import.meta.url))

describe('a server whose log cannot be written', () => {
  let database: TestDatabase
  let dataDir: string
  beforeAll(async () => {
    database = await cloneDatabase()
    dataDir = await mkdtemp(join(tmpdir(), 'appstrate-log-'))
  })
  afterAll(async () => {
    await rm(dataDir, { recursive: true, force: true })
    await database.drop()
  })

  async function start(stdout: number | 'pipe'): Promise<{ child: ChildProcess; url: string }> {
    const port = await freePort()
    const env = {
      PATH: process.env['PATH'],
      DATABASE_URL: database.connectionString,
      ENCRYPTION_KEYS: `1:${Buffer.alloc(32, 7).toString('base64')}`,
      AUTH_SECRET: 'the same secret on every node, 32+',
      RATE_LIMIT_DEFAULT: '100000',
      DRAIN_SECONDS: '0',
      DATA_DIR: dataDir,
      PORT: String(port),
    }
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', stdout, 'ignore'] })
    const url = `http://127.0.0.1:${port}`
    await until(async () => (await fetch(`${url}/ready`).catch(() => undefined))?.ok === true)
    return { child, url }
  }

  async function readyOf(url: string): Promise<Body> {
    const response = await fetch(`${url}/ready`)
    expect(response.status).toBe(200)
    return response.json()
  }

  async function expectServed(url: string, count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) expect((await fetch(`${url}/health`)).status).toBe(200)
  }

  /** Ends the process; resolves with its exit code. */
  function stop(child: ChildProcess): Promise<number | null> {
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    return exited
  }

  it('serves, says so in /ready, and stops, on a full disk', async () => {
    const full = openSync('/dev/full', 'w')
    const { child, url } = await start(full)
    closeSync(full)
    await expectServed(url, 50)
    expect((await readyOf(url)).degraded).toEqual([expect.stringMatching(/^log cannot be written/)])
    expect(await stop(child)).toBe(0)
  }, 120_000)

  it('serves while nobody reads the pipe, writes every line later, and serves after the pipe has closed', async () => {
    const { child, url } = await start('pipe')
    // A pipe holds 64 KiB; each request logs some 200 bytes. The child's stdout is not read before `on('data')`.
    await expectServed(url, 1_200)
    expect((await readyOf(url)).degraded).toEqual([expect.stringMatching(/^log cannot be written/)])
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await until(async () => (await readyOf(url)).degraded === undefined)
    await expectServed(url, 1)
    await until(async () => text.split('"path":"/health"').length - 1 === 1_201)
    child.stdout?.destroy()
    await sleep(100)
    await expectServed(url, 50)
    expect((await readyOf(url)).degraded).toEqual([expect.stringMatching(/^log cannot be written/)])
    expect(await stop(child)).toBe(0)
  }, 120_000)
})
