import { setTimeout as sleep } from 'node:timers/promises'
import type { Body } from '../client.ts'
import type { Node } from './installation.ts'
import type { Tenant } from './tenants.ts'

/** A request of a client that does not give up. */
export interface Sending {
  readonly route: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly form?: () => FormData
}

/** A reply that is final: a success, or a refusal that a repetition does not change. */
export interface Final {
  readonly status: number
  readonly body: Body
  readonly text: string
}

const requestMs = 20_000
const patienceMs = 300_000
const restMs = 200

/** The headers of a tenant's API key. */
export function keyOf({ apiKey, appId }: Tenant, endUserId: string | null = null): Record<string, string> {
  return {
    authorization: `Bearer ${apiKey}`,
    'x-app-id': appId,
    ...(endUserId === null ? {} : { 'appstrate-user': endUserId }),
  }
}

/** Sends requests to the nodes in turn, again until one gives a final reply. */
export class ChaosClient {
  readonly #nodes: readonly Node[]
  #turn = 0

  constructor(nodes: readonly Node[]) {
    this.#nodes = nodes
  }

  /** The next node; it may be down. */
  node(): Node {
    const node = this.#nodes[(this.#turn += 1) % this.#nodes.length]
    if (node === undefined) throw new Error('There is no node.')
    return node
  }

  async send(sending: Sending): Promise<Final> {
    let last = ''
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; ) {
      try {
        const final = await this.#sendOnce(sending)
        if (isFinal(final)) return final
        last = `${final.status} ${final.text}`
      } catch (error) {
        // The node is down, or the connection broke during the request.
        last = String(error)
      }
      await sleep(restMs)
    }
    throw new Error(`${sending.route} got no final reply in time; the last: ${last}`)
  }

  async #sendOnce({ route, headers, body, form }: Sending): Promise<Final> {
    const [method = 'GET', path = ''] = route.split(' ')
    const { url, instance } = this.node()
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(`${url}${path}`, {
      method,
      // A session is accepted only from the address that the node believes to have.
      headers: { ...json, ...headers, ...('cookie' in headers ? { origin: instance.url } : {}) },
      body: form?.() ?? (body === undefined ? null : JSON.stringify(body)),
      signal: AbortSignal.timeout(requestMs),
    })
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : undefined, text }
  }
}

function isFinal({ status, text }: Final): boolean {
  return status < 500 && status !== 429 && !text.includes('idempotency-in-progress')
}
