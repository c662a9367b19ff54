import type { IncomingMessage, ServerResponse } from 'node:http'
import { composeAnswer, pieces } from './answer.ts'
import { conversationKey, type Attempts } from './attempts.ts'
import { chooseStep, type ChosenStep } from './choose-step.ts'
import { pause, play } from './play.ts'
import { rawPlayback } from './raw-reply.ts'
import { InvalidRequest, type ModelRequest, type ProblemText } from './protocols/protocol.ts'
import type { createRequestLog } from './request-log.ts'
import { findRoute, sentKey, type Route } from './route.ts'
import type { Failure } from './scenario.ts'
import type { ScenarioLibrary } from './scenario-library.ts'

/** The shared state of all requests. */
export interface Stage {
  readonly library: ScenarioLibrary
  readonly attempts: Attempts
  readonly log: ReturnType<typeof createRequestLog>
  readonly apiKey: string | undefined
}

interface Exchange {
  readonly route: Route
  readonly body: unknown
  readonly reply: ServerResponse
}

/** An error reply in the protocol of the request. */
class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly problem: ProblemText
  readonly retryAfterSeconds: number | undefined

  constructor(problem: ProblemText, retryAfterSeconds?: number) {
    super(problem.message)
    this.problem = problem
    this.retryAfterSeconds = retryAfterSeconds
  }
}

const bodyBytesMax = 32 * 1024 * 1024
const wholePieceCharacters = 64

/** Serves one request. Never throws: every failure becomes an error reply. */
export async function serve(stage: Stage, request: IncomingMessage, reply: ServerResponse): Promise<void> {
  const route = findRoute(request)
  try {
    const body = await readBody(request)
    stage.log.add({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body })
    if (route.what === 'nothing') throw new Refusal({ status: 404, message: 'Unknown path.', code: undefined })
    if (stage.apiKey !== undefined && sentKey(request) !== stage.apiKey) {
      throw new Refusal({ status: 401, message: 'Incorrect API key provided.', code: undefined })
    }
    if (route.what === 'models') sendJson(reply, 200, route.protocol.models(stage.library.names()))
    else await answer(stage, { route, body, reply })
  } catch (error) {
    refuse(route, reply, error)
  }
}

async function answer(stage: Stage, { route, body, reply }: Exchange): Promise<void> {
  const { protocol } = route
  const request = protocol.parse(body, route.inPath)
  const { step, facts } = chosenStep(stage, request)
  const key = conversationKey(request.modelId, request.messages)
  const failure = stage.attempts.next(key, step)
  if (failure !== undefined && failure.cutAfterChunks === undefined) {
    if (await pause(reply, step.delayMs ?? 0)) throw refusalOf(failure)
    return
  }
  const delays = { delayMs: step.delayMs ?? 0, chunkDelayMs: request.stream ? (step.chunkDelayMs ?? 0) : 0 }
  if (step.raw !== undefined) return play(reply, rawPlayback(step.raw, delays))
  const composed = composeAnswer(step, { key, modelId: request.modelId, messages: request.messages, facts })
  await play(reply, {
    status: 200,
    headers: { 'content-type': request.stream ? 'text/event-stream; charset=utf-8' : 'application/json' },
    chunks: request.stream
      ? protocol.events(composed, request)
      : pieces(JSON.stringify(protocol.whole(composed)), wholePieceCharacters),
    ...delays,
    cut: failure,
  })
}

function chosenStep(stage: Stage, request: ModelRequest): ChosenStep {
  const scenario = stage.library.find(request.modelId)
  if (scenario === undefined) {
    const message = `The model '${request.modelId.slice(0, 100)}' does not exist.`
    throw new Refusal({ status: 404, message, code: 'model_not_found' })
  }
  const chosen = chooseStep(scenario, request.messages)
  if (chosen !== undefined) return chosen
  throw new Refusal({ status: 400, message: 'No step of the scenario fits this conversation.', code: 'no_step' })
}

function refusalOf(failure: Failure): Refusal {
  const status = failure.status ?? 500
  const message = failure.message ?? `The scenario fails with status ${status}.`
  return new Refusal({ status, message, code: failure.code }, failure.retryAfterSeconds)
}

async function readBody(request: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const part of request) {
    bytes += part.length
    if (bytes > bodyBytesMax) throw new Refusal({ status: 413, message: 'The request is too large.', code: undefined })
    chunks.push(part)
  }
  if (bytes === 0) return undefined
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    return body
  } catch {
    throw new InvalidRequest('The body is not JSON.')
  }
}

function refuse(route: Route, reply: ServerResponse, error: unknown): void {
  if (reply.headersSent || reply.destroyed) {
    reply.destroy()
    return
  }
  const retryAfterSeconds = error instanceof Refusal ? error.retryAfterSeconds : undefined
  if (retryAfterSeconds !== undefined) reply.setHeader('retry-after', String(retryAfterSeconds))
  const problem = problemOf(error)
  if (problem.status === 413) reply.setHeader('connection', 'close')
  sendJson(reply, problem.status, route.protocol.problem(problem))
}

function problemOf(error: unknown): ProblemText {
  if (error instanceof Refusal) return error.problem
  if (error instanceof InvalidRequest) return { status: 400, message: error.message, code: undefined }
  return { status: 500, message: 'The model server failed.', code: undefined }
}

function sendJson(reply: ServerResponse, status: number, body: object): void {
  reply.writeHead(status, { 'content-type': 'application/json' })
  reply.end(JSON.stringify(body))
}
