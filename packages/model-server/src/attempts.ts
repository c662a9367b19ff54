import { createHash } from 'node:crypto'
import type { Message } from './conversation.ts'
import type { Failure, Step } from './scenario.ts'

/** Counts how often each conversation was sent, so that a step can fail several times before it succeeds. */
export interface Attempts {
  /** The failure to play for this attempt, or undefined when it may succeed. A success resets the count. */
  next(conversationKey: string, step: Step): Failure | undefined
}

const conversationsMax = 10_000

export function createAttempts(): Attempts {
  const counts = new Map<string, number>()
  return {
    next(key, step) {
      if (step.failures === undefined) return undefined
      const before = counts.get(key) ?? 0
      counts.delete(key)
      const failure = failureAt(step.failures, before)
      if (failure === undefined) return undefined
      counts.set(key, before + 1)
      const oldest = counts.keys().next()
      if (counts.size > conversationsMax && !oldest.done) counts.delete(oldest.value)
      return failure
    },
  }
}

function failureAt(failures: readonly Failure[], attemptsBefore: number): Failure | undefined {
  let covered = 0
  for (const failure of failures) {
    covered += failure.attempts ?? Number.POSITIVE_INFINITY
    if (attemptsBefore < covered) return failure
  }
  return undefined
}

/** A short key for a conversation: equal for equal messages to the same model. */
export function conversationKey(modelId: string, messages: readonly Message[]): string {
  return createHash('sha256')
    .update(JSON.stringify([modelId, messages]))
    .digest('hex')
    .slice(0, 24)
}
