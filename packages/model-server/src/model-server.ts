import { createServer, type Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { createAttempts } from './attempts.ts'
import { createRequestLog, type RequestLog } from './request-log.ts'
import type { Scenario } from './scenario.ts'
import { openScenarioLibrary } from './scenario-library.ts'
import { serve, type Stage } from './serve.ts'

export type { ReceivedRequest, RequestLog } from './request-log.ts'
export { InvalidScenario, type Scenario } from './scenario.ts'

export interface ModelServerOptions {
  /** TCP port; 0 uses a free one. */
  readonly port?: number | undefined
  /** Folder of `<name>.json` scenarios; the package's own by default. */
  readonly scenariosDir?: string | undefined
  /** When given, requests must carry it as bearer token, `x-api-key` or `x-goog-api-key`. */
  readonly apiKey?: string | undefined
  /** Further scenarios by name. */
  readonly scenarios?: Readonly<Record<string, Scenario>> | undefined
  /** How many requests are kept for assertions; 200 by default. */
  readonly requestsMax?: number | undefined
}

export interface ModelServer {
  /** Origin of all protocols, which are served with or without their version prefix (`/v1`, `/v1beta`). */
  readonly url: string
  readonly port: number
  readonly requests: RequestLog
  /** Adds or replaces a scenario. Throws InvalidScenario. */
  registerScenario(name: string, scenario: Scenario): void
  /** Stops at once, and ends answers that are being played. */
  close(): Promise<void>
}

const ownScenarios = fileURLToPath(new URL('../scenarios', import.meta.url))
const requestsMaxDefault = 200
const backlog = 4096

/**
 * Starts a model server on 127.0.0.1 that plays scenarios over the OpenAI, Anthropic and Google protocols.
 * Throws InvalidScenario.
 */
export async function startModelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  const library = openScenarioLibrary(options.scenariosDir ?? ownScenarios)
  for (const [name, scenario] of Object.entries(options.scenarios ?? {})) library.register(name, scenario)
  const log = createRequestLog(options.requestsMax ?? requestsMaxDefault)
  const stage: Stage = { library, attempts: createAttempts(), log, apiKey: options.apiKey }
  const server = createServer((request, reply) => void serve(stage, request, reply))
  const port = await listen(server, options.port ?? 0)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests: log,
    registerScenario: (name, scenario) => library.register(name, scenario),
    close: () => stop(server),
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1', backlog }, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
