import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../packages/server/src/testing/test-database.ts'
import { createInstance, type Instance } from './server-process.ts'

/** Sends one request over a connection of the agent; never retries. Returns the status, or the error's code. */
function sendOnce(url: string, agent: Agent, [method, path]: readonly [string, string]): Promise<number | string> {
  const { promise, resolve } = Promise.withResolvers<number | string>()
  const headers = { origin: url, 'content-length': 0 }
  const sent = request(new URL(path, url), { method, agent, headers }, (response) => {
    response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    response.resume().on('end', () => resolve(response.statusCode ?? 0))
  })
  sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)).end()
  return promise
}

/** A balancer as in front of several nodes: it asks `/ready`, and keeps connections to the nodes open. */
class Balancer {
  readonly results: (number | string)[] = []
  readonly #nodes: { readonly url: string; readonly agent: Agent; isReady: boolean }[]
  readonly #stop = new AbortController()
  #turn = 0
  #ended: Promise<unknown> = Promise.resolve()

  constructor(instances: readonly Instance[]) {
    this.#nodes = instances.map(({ url }) => ({ url, agent: new Agent({ keepAlive: true }), isReady: false }))
  }

  async start(): Promise<void> {
    const checks = this.#nodes.map((node) => this.#watch(node))
    while (!this.#nodes.every(({ isReady }) => isReady)) await sleep(20)
    this.#ended = Promise.all([...checks, this.#send()])
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#ended
    for (const { agent } of this.#nodes) agent.destroy()
  }

  async #watch(node: { readonly url: string; isReady: boolean }): Promise<void> {
    while (!this.#stop.signal.aborted) {
      node.isReady = (await fetch(`${node.url}/ready`).catch(() => undefined))?.ok === true
      await sleep(100)
    }
  }

  /** Sends 50 requests in a second. */
  async #send(): Promise<void> {
    const open = new Set<Promise<unknown>>()
    while (!this.#stop.signal.aborted) {
      const ready = this.#nodes.filter(({ isReady }) => isReady)
      const node = ready[(this.#turn += 1) % ready.length]
      if (node === undefined) this.results.push('no node is ready')
      else {
        const what = this.#turn % 3 === 0 ? (['POST', '/api/auth/sign-out'] as const) : (['GET', '/health'] as const)
        const sent = sendOnce(node.url, node.agent, what).then((result) => this.results.push(result))
        open.add(sent)
        void sent.then(() => open.delete(sent))
      }
      await sleep(20)
    }
    await Promise.all(open)
  }
}

describe('a rolling restart of two nodes', () => {
  let database: TestDatabase
  const nodes: Instance[] = []
  beforeAll(async () => {
    database = await cloneDatabase()
    const redisUrl = inject('redisUrl')
    const environment = {
      DATABASE_URL: database.connectionString,
      ENCRYPTION_KEYS: `1:${Buffer.alloc(32, 7).toString('base64')}`,
      AUTH_SECRET: 'the same secret on every node, 32+',
      DEMO: 'off',
      SANDBOX: 'off',
      DRAIN_SECONDS: '3',
      ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
    }
    for (let index = 0; index < 2; index += 1) nodes.push(await createInstance(environment))
  }, 60_000)
  afterAll(async () => {
    for (const node of nodes) await node.remove()
    await database.drop()
  })

  it('is not seen by a client that keeps its connections and never retries', { timeout: 150_000 }, async () => {
    await Promise.all(nodes.map(startAndIgnoreDemo))
    const balancer = new Balancer(nodes)
    await balancer.start()
    for (const node of nodes) {
      const answeredBefore = balancer.results.length
      expect(await node.stop()).toBe(0)
      await startAndIgnoreDemo(node)
      await sleep(500)
      expect(balancer.results.length - answeredBefore).toBeGreaterThan(20)
    }
    await balancer.stop()
    expect(balancer.results.filter((result) => result !== 200)).toEqual([])
  })
})

// An instance without a demo has no file with the credentials of its first run.
async function startAndIgnoreDemo(node: Instance): Promise<void> {
  await node.start().catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  })
}
