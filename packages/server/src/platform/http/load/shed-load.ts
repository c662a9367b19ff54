import type { FastifyReply, FastifyRequest } from 'fastify'
import { problem } from '../../problems/problem.ts'
import type { ApiParts, Operation } from '../api.ts'
import { QueueFull, WaitedTooLong } from '../../concurrency/fair-semaphore.ts'
import { networkOf } from '../connections/client-address.ts'
import { countRequest } from '../count-request.ts'
import type { Entrant } from './admission.ts'
import { loadShedder, type LoadShedder } from './load-shedder.ts'

interface Http {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** The parts of an operation's pipeline that bound the work in progress. */
export interface Shedding {
  /** Before anything else: refuses the request if the server has too much to do. */
  enter(http: Http): Promise<void>
  /** Before the body is read: a body that is still to come does not count as work. */
  waitForBody(request: FastifyRequest): void
  /** When the body is there: refuses the request if there is too much to do now. Then runs the handler. */
  serve<T>(http: Http, work: () => Promise<T>): Promise<T>
}

/** Counts the requests of an operation as work in progress, and refuses those that would wait too long. */
export function shedLoad(parts: ApiParts, { endpoint }: Operation): Shedding {
  const shedder = parts.platform.use(loadShedder)
  const isCreation = endpoint.limit !== 'default' && endpoint.caller !== 'anyone'
  const isAnonymousChange = endpoint.caller === 'anyone' && !endpoint.route.startsWith('GET ')
  const start = (request: FastifyRequest, entrant: Entrant): boolean => {
    const leave = shedder.enter(entrant)
    if (leave !== undefined) request.state.endWork = leave
    return leave !== undefined
  }
  const begin = async ({ request, reply }: Http) => {
    if (endpoint.vital === true) return
    const known = shedder.known.find(request)
    const network = networkOf(request.ip)
    const entrant = { isCreation, owner: known?.owner ?? network, isKnown: known !== undefined }
    if (start(request, entrant)) return
    const who = known?.limitKey ?? `ip:${network}`
    await countRequest(parts, { limitClass: endpoint.limit, route: endpoint.route, who }, reply)
    throw overloaded()
  }
  return {
    async enter(http) {
      await begin(http)
      http.reply.raw.once('close', () => http.request.state.endWork())
    },
    waitForBody(request) {
      if (request.raw.complete) return
      request.state.endWork()
      request.state.endWork = waitsForBody
    },
    async serve(http, work) {
      const { request } = http
      remember(shedder, request)
      if (request.state.endWork === waitsForBody) await begin(http)
      // The bytes of a file arrive while the handler runs.
      if (endpoint.bodyKind === 'multipart') request.state.endWork()
      try {
        return await (isAnonymousChange ? shedder.anonymousChanges.run(networkOf(request.ip), work) : work())
      } catch (error) {
        throw error instanceof QueueFull || error instanceof WaitedTooLong ? overloaded() : error
      } finally {
        request.state.endWork()
      }
    },
  }
}

/** The work of a request whose body is still to come. */
function waitsForBody(): void {}

function remember({ known }: LoadShedder, request: FastifyRequest): void {
  const { caller, authorization } = request.state
  if (caller.kind === 'anonymous') return
  const limitKey = caller.kind === 'user' ? caller.userId : `apikey:${caller.keyId}`
  known.remember(request, { owner: authorization.scope?.organizationId ?? limitKey, limitKey })
}

function overloaded() {
  // Not all at the same moment: that would be the next overload.
  const seconds = 1 + Math.floor(Math.random() * 5)
  return problem('service-unavailable', {
    detail: `The server has more to do than it can: try again in ${seconds} s.`,
    headers: { 'Retry-After': String(seconds) },
    isReported: true,
  })
}
