import { Worker } from 'node:worker_threads'
import { parseAnswer, type Answer, type Question } from './check-messages.ts'

const program = new URL('./check-thread.ts', import.meta.url)
// More than a value of the permitted size, the kept schemas and the mistakes of one check need together: V8 can end the
// whole process, not only the thread, when the memory ends while JSON is parsed.
const memoryMb = 512
const startLimitMs = 60_000

/** Why the thread ended without an answer. */
export type ThreadEnd = 'too-slow' | 'out-of-memory'

/** A thread that answers one question at a time; started when first needed, and replaced when it had to be killed. */
export interface KillableThread {
  /** The answer, or why there is none. Throws when the thread cannot be started or is closed. */
  ask(question: Question, limitMs: number): Promise<Answer | ThreadEnd>
  close(): Promise<void>
}

/** A thread that is not started yet. */
export function createKillableThread(): KillableThread {
  let worker: Worker | undefined
  let isClosed = false
  const ask = async (asked: Worker, limitMs: number): Promise<Answer | ThreadEnd> => {
    const outcome = await nextAnswer(asked, limitMs)
    if (typeof outcome !== 'string') return outcome
    if (worker === asked) worker = undefined
    void asked.terminate()
    return outcome
  }
  const start = async () => {
    const started = new Worker(program, {
      name: 'schema-checks',
      // What a schema makes the thread run must not find the server's secrets.
      env: {},
      argv: [],
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 16 },
    })
    worker = started
    started.unref()
    // Without a listener, an error of a thread that answers nothing would end the process.
    started.on('error', () => undefined)
    started.once('exit', () => {
      if (worker === started) worker = undefined
    })
    if (typeof (await ask(started, startLimitMs)) === 'string')
      throw new Error('A thread of the schema checks did not start.')
    return started
  }
  return {
    async ask(question, limitMs) {
      if (isClosed) throw new Error('The threads of the schema checks are closed.')
      const asked = worker ?? (await start())
      const outcome = ask(asked, limitMs)
      asked.postMessage(question)
      return outcome
    },
    async close() {
      isClosed = true
      await worker?.terminate()
    },
  }
}

async function nextAnswer(worker: Worker, limitMs: number): Promise<Answer | ThreadEnd> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer | ThreadEnd>()
  const onMessage = (message: unknown) => {
    const answer = parseAnswer(message)
    if (answer === undefined) reject(new Error('A thread of the schema checks sent an unknown answer.'))
    else resolve(answer)
  }
  const onError = (error: unknown) => (isOutOfMemory(error) ? resolve('out-of-memory') : reject(error))
  const onExit = () => reject(new Error('A thread of the schema checks ended.'))
  const timer = setTimeout(() => resolve('too-slow'), limitMs)
  worker.on('message', onMessage).on('error', onError).on('exit', onExit)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    worker.off('message', onMessage).off('error', onError).off('exit', onExit)
  }
}

function isOutOfMemory(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
}
