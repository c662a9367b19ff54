import { ModelCallError } from './model-call-error.ts'
import { isCounted } from './reading/usage-counts.ts'
import type { StepRequest } from './step.ts'
import type { StepAnswer } from './step-message.ts'

/** Empty answers in a row after which a model is not asked again. */
export const emptyAnswersMax = 3
const quoteCharactersMax = 2_000

/** Whether a model has ended its answer without saying or doing anything. */
export function isEmptyAnswer({ text, toolCalls, finishReason }: StepAnswer): boolean {
  return text.trim() === '' && toolCalls.length === 0 && (finishReason === 'stop' || finishReason === 'other')
}

/** The failure for an empty answer, with what it has cost. */
export function emptyAnswerError({ usage }: StepAnswer): ModelCallError {
  const message = 'The model gave an empty answer, without text and tool calls.'
  return new ModelCallError({ kind: 'unavailable', message, retryable: true }, isCounted(usage) ? usage : undefined)
}

/** Whether the conversation has results of tools: a model that has worked may end without a word. */
export function hasWorked({ messages }: StepRequest): boolean {
  return messages.some(({ role }) => role === 'tool')
}

/** The request with a message about the tool call that the provider could not read. */
export function withCorrection(request: StepRequest, failure: ModelCallError): StepRequest {
  const { malformedCall = '' } = failure
  const quote = malformedCall === '' ? '' : `\n\nYou wrote:\n${malformedCall.slice(0, quoteCharactersMax)}`
  const text =
    'Your last tool call could not be read. Call the tool again; the arguments must be one JSON object that matches ' +
    `the schema of the tool. The reason: ${failure.hiddenReason ?? failure.message}${quote}`
  return { ...request, messages: [...request.messages, { role: 'user', text }] }
}
