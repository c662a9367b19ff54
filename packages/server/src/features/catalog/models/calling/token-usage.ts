import type { LanguageModelV4Usage } from '@ai-sdk/provider'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { TokenUsage } from './step-message.ts'

export const noUsage: TokenUsage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }

/** The provider packages' usage as disjoint counts. The numbers are untrusted: each becomes an integer >= 0. */
export function toTokenUsage({ inputTokens, outputTokens }: LanguageModelV4Usage): TokenUsage {
  const cacheReadTokens = count(inputTokens.cacheRead)
  const cacheWriteTokens = count(inputTokens.cacheWrite)
  const uncached = inputTokens.noCache ?? (inputTokens.total ?? 0) - cacheReadTokens - cacheWriteTokens
  return { inputTokens: count(uncached), outputTokens: count(outputTokens.total), cacheReadTokens, cacheWriteTokens }
}

const AnthropicCounts = Type.Object({
  input_tokens: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  output_tokens: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  cache_read_input_tokens: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  cache_creation_input_tokens: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
})
const anthropicStart = Compile(
  Type.Object({ type: Type.Literal('message_start'), message: Type.Object({ usage: AnthropicCounts }) }),
)

/** The usage that Anthropic reports at the start of an answer: it is charged even if the stream is then cut off. */
export function findEarlyUsage(rawEvent: unknown): TokenUsage | undefined {
  if (!anthropicStart.Check(rawEvent)) return undefined
  const { usage } = rawEvent.message
  return {
    inputTokens: count(usage.input_tokens),
    outputTokens: count(usage.output_tokens),
    cacheReadTokens: count(usage.cache_read_input_tokens),
    cacheWriteTokens: count(usage.cache_creation_input_tokens),
  }
}

const tokensMax = 1_000_000_000

function count(tokens: number | null | undefined): number {
  return Math.trunc(Math.min(Math.max(tokens ?? 0, 0), tokensMax)) || 0
}
