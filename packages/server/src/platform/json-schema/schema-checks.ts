import { createFairSemaphore, QueueFull } from '../concurrency/fair-semaphore.ts'
import { sleep } from '../concurrency/sleep.ts'
import type { Service } from '../platform.ts'
import { problem, type InvalidPart } from '../problems/problem.ts'
import type { Answer, Question } from './check-messages.ts'
import type { JsonSchema } from './json-schema.ts'
import { createKillableThread, type KillableThread, type ThreadEnd } from './killable-thread.ts'

const threadsMax = 2
/** Checks of one organization at the same time: one thread stays free for the others. */
const ownerMax = 1
const waitingMax = 500
const waitLimitMs = 10_000
/** The longest JSON text of a value. */
const valueCharactersMax = 8_000_000
/** The thread aborts slow work itself; this is for work that it cannot abort. */
const killLimitMs = 30_000
const retryAfterSeconds = 1
const retryDelayMs = 250

export interface ValueCheck {
  readonly schema: JsonSchema
  readonly value: unknown
  /** Where the value is in the request, as a JSON Pointer. */
  readonly pointer: string
  /** With a signal, the check waits for its turn, however many others wait. */
  readonly signal?: AbortSignal
}

/**
 * Compiles and checks users' schemas in threads with a time and memory limit, because a schema can be made to take
 * hours. The threads are shared fairly between organizations.
 */
export interface SchemaChecks {
  /**
   * The mistakes of a value against a user's schema, at most 100; empty when it is valid. Throws `rate-limited` when
   * too many checks of the organization wait and there is no signal, and the signal's reason when it aborts.
   */
  check(organizationId: string, about: ValueCheck): Promise<InvalidPart[]>
  /** The reason why a schema cannot be used, or undefined if it can. Throws `rate-limited`. */
  findMistake(organizationId: string, schema: JsonSchema): Promise<string | undefined>
}

type Outcome = Answer | ThreadEnd | 'value-too-large'

/** The process's schema checks. */
export const schemaChecks: Service<ClosableChecks> = {
  name: 'schema checks',
  open: () => createSchemaChecks(),
  close: (checks) => checks.close(),
}

interface ClosableChecks extends SchemaChecks {
  close(): Promise<void>
}

/** Schema checks whose threads start when they are first needed. */
export function createSchemaChecks(): ClosableChecks {
  const semaphore = createFairSemaphore({ max: threadsMax, ownerMax, waitingMax })
  const threads = Array.from({ length: threadsMax }, createKillableThread)
  const idle = [...threads]
  // `questionOf` makes a copy of the value: only once there is a thread for it.
  const ask = (organizationId: string, questionOf: () => Question, signal?: AbortSignal) =>
    semaphore.run(
      organizationId,
      async (): Promise<Outcome> => {
        const question = questionOf()
        if ((question.value?.length ?? 0) > valueCharactersMax) return 'value-too-large'
        // The thread that was used last has started and knows the latest schemas.
        const thread = idle.pop() ?? createKillableThread()
        try {
          return await askTwice(thread, question)
        } finally {
          idle.push(thread)
        }
      },
      signal,
    )
  return {
    async check(organizationId, { schema, value, pointer, signal }) {
      const questionOf = () => ({ schema: JSON.stringify(schema), value: JSON.stringify(value), pointer })
      const answer = await (signal === undefined
        ? ask(organizationId, questionOf, AbortSignal.timeout(waitLimitMs)).catch(refuseBusy)
        : patiently(() => ask(organizationId, questionOf, signal), signal))
      return toMistakes(answer, pointer)
    },
    async findMistake(organizationId, schema) {
      const questionOf = () => ({ schema: JSON.stringify(schema), pointer: '' })
      const answer = await ask(organizationId, questionOf, AbortSignal.timeout(waitLimitMs)).catch(refuseBusy)
      return toReason(answer)
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()))
    },
  }
}

// The memory may have been used by the schemas that the thread keeps: a new thread keeps none.
async function askTwice(thread: KillableThread, question: Question): Promise<Answer | ThreadEnd> {
  const answer = await thread.ask(question, killLimitMs)
  return answer === 'out-of-memory' ? thread.ask(question, killLimitMs) : answer
}

function refuseBusy(error: unknown): never {
  const hasWaited = error instanceof Error && error.name === 'TimeoutError'
  if (!hasWaited && !(error instanceof QueueFull)) throw error
  throw problem('rate-limited', {
    detail: `Too many schema checks of the organization are waiting: try again in ${retryAfterSeconds} s.`,
    extensions: { retryAfter: retryAfterSeconds },
    headers: { 'Retry-After': String(retryAfterSeconds) },
  })
}

async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof QueueFull)) throw error
      await sleep(retryDelayMs, signal)
    }
  }
}

function toMistakes(outcome: Outcome, pointer: string): InvalidPart[] {
  if (typeof outcome !== 'string' && 'mistakes' in outcome) return outcome.mistakes
  const { code, reason } = whyUnchecked(outcome)
  return [{ pointer, message: `cannot be checked: ${reason}`, code }]
}

function toReason(outcome: Outcome): string | undefined {
  if (typeof outcome !== 'string' && 'mistakes' in outcome) return undefined
  return typeof outcome !== 'string' && 'unusable' in outcome ? outcome.unusable : whyUnchecked(outcome).reason
}

function whyUnchecked(outcome: Outcome): { code: string; reason: string } {
  if (outcome === 'value-too-large')
    return { code: 'maxBytes', reason: `its JSON text is longer than ${valueCharactersMax} characters` }
  if (outcome === 'out-of-memory') return { code: 'schema-too-large', reason: 'the schema takes too much memory' }
  if (typeof outcome !== 'string' && 'unusable' in outcome)
    return { code: 'schema', reason: `the schema is not usable: ${outcome.unusable}` }
  return { code: 'schema-too-slow', reason: 'the schema takes too long' }
}
