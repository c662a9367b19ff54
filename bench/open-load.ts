// Sends requests at a fixed rate on pooled connections. `fork` it with an OpenLoad; it answers with its OpenLoadResult.
import { Agent, request } from 'node:http'
import type { OpenLoad, OpenLoadResult } from './overload.ts'

const load: OpenLoad = JSON.parse(process.argv[2] ?? '{}')
const agent = new Agent({ keepAlive: true, maxSockets: 900 })
const tickMs = 10

const times = () => ({ admittedMs: new Array<number>(), refusedMs: new Array<number>() })
const [creations, reads, calm] = [times(), times(), times()]
let failures = 0
const open = new Set<Promise<void>>()

function send(route: string, headers: OpenLoad['headers'], into: OpenLoadResult['reads']): void {
  const [method = '', path = ''] = route.split(' ')
  const sentAtMs = performance.now()
  const sent = new Promise<void>((resolve) => {
    const fail = () => {
      failures += 1
      resolve()
    }
    const outgoing = request(`${load.url}${path}`, { method, headers, agent }, (response) => {
      response.resume()
      response.on('error', fail)
      response.on('end', () => {
        const status = response.statusCode ?? 0
        const ms = performance.now() - sentAtMs
        if (status < 300) into.admittedMs.push(ms)
        else if (status === 503) into.refusedMs.push(ms)
        else failures += 1
        resolve()
      })
    })
    outgoing.on('error', fail)
    outgoing.end(method === 'POST' ? load.body : undefined)
  })
  open.add(sent)
  void sent.then(() => open.delete(sent))
}

const startedMs = performance.now()
let sent = 0
let calmSent = 0
const timer = setInterval(() => {
  const elapsed = Math.min((performance.now() - startedMs) / 1000, load.seconds)
  for (; sent < elapsed * load.rate; sent += 1) {
    if (sent % load.readEvery === 0) send('GET /api/agents', load.headers, reads)
    else send('POST /api/runs', load.headers, creations)
  }
  for (; calmSent < elapsed * 10; calmSent += 1) send('GET /api/agents', load.calmHeaders, calm)
  if (elapsed < load.seconds) return
  clearInterval(timer)
  void Promise.all(open).then(() => {
    const result: OpenLoadResult = { creations, reads, calm, failures }
    process.send?.(result, () => process.disconnect())
  })
}, tickMs)
