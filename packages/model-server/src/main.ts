#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { startModelServer } from './model-server.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    scenarios: { type: 'string' },
    'api-key': { type: 'string' },
  },
})

const server = await startModelServer({
  port: Number(values.port),
  scenariosDir: values.scenarios,
  apiKey: values['api-key'],
  requestsMax: 0,
})
process.stdout.write(`${JSON.stringify({ url: server.url, port: server.port })}\n`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void server.close())
}
