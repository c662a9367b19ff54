import type { CalledTool, Facts, Message } from './conversation.ts'
import { fillIn, fillInText } from './fill-in.ts'
import type { Step } from './scenario.ts'

export interface AnswerUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
}

/** A complete answer, before a protocol encodes it. */
export interface Answer {
  readonly id: string
  readonly modelId: string
  readonly thinking: string
  readonly text: string
  readonly toolCalls: readonly (CalledTool & { readonly id: string })[]
  readonly finishReason: 'stop' | 'tool-calls' | 'length' | 'content-filter'
  readonly usage: AnswerUsage
  readonly chunkCharacters: number
}

export interface AnswerContext {
  readonly key: string
  readonly modelId: string
  readonly messages: readonly Message[]
  readonly facts: Facts
}

const defaultChunkCharacters = 24
const charactersPerToken = 4

/** Builds the answer of a step. Ids are derived from the conversation, so a repeated request gets the same ids. */
export function composeAnswer(step: Step, context: AnswerContext): Answer {
  const calls = step.repeatToolCalls === true ? context.facts.lastToolCalls : scriptedCalls(step, context.facts)
  const toolCalls = calls.map((call, index) => ({ ...call, id: `call_${context.key.slice(0, 16)}_${index}` }))
  const text = fillInText(step.text ?? '', context.facts)
  const thinking = step.thinking ?? ''
  return {
    id: context.key,
    modelId: context.modelId,
    thinking,
    text,
    toolCalls,
    finishReason: step.finishReason ?? (toolCalls.length > 0 ? 'tool-calls' : 'stop'),
    usage: step.usage
      ? { cacheReadTokens: 0, cacheWriteTokens: 0, ...step.usage }
      : estimateUsage(
          context.messages,
          thinking + text + toolCalls.map((call) => call.name + call.argumentsText).join(''),
        ),
    chunkCharacters: step.chunkCharacters ?? defaultChunkCharacters,
  }
}

function scriptedCalls(step: Step, facts: Facts): CalledTool[] {
  return (step.toolCalls ?? []).map((call) => ({
    name: call.name,
    argumentsText: call.argumentsText ?? JSON.stringify(fillIn(call.arguments ?? {}, facts) ?? {}),
  }))
}

function estimateUsage(messages: readonly Message[], answer: string): AnswerUsage {
  const characters = messages.reduce((sum, message) => sum + message.text.length, 0)
  return {
    inputTokens: Math.max(1, Math.ceil(characters / charactersPerToken)),
    outputTokens: Math.max(1, Math.ceil(answer.length / charactersPerToken)),
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
  }
}

/** Cuts a text into pieces of that many characters, never inside a character. */
export function* pieces(text: string, characters: number): Generator<string> {
  let piece = ''
  let count = 0
  for (const character of text) {
    piece += character
    count += 1
    if (count < characters) continue
    yield piece
    piece = ''
    count = 0
  }
  if (piece !== '') yield piece
}
