import type { TokenUsage } from '../step-message.ts'
import { countOf, listOf, recordOf, type WireRecord } from './wire-values.ts'

export const noUsage: TokenUsage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }

/** Whether any token was counted. */
export function isCounted(usage: TokenUsage): boolean {
  return usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens > 0
}

/** The usage of a chat completion; undefined when there is none. */
export function chatUsage(value: unknown): TokenUsage | undefined {
  const usage = recordOf(value)
  if (usage === undefined) return undefined
  const counts = {
    input: firstCount(usage, ['prompt_tokens', 'input_tokens']),
    output: firstCount(usage, ['completion_tokens', 'output_tokens']),
    total: firstCount(usage, ['total_tokens']),
    cacheRead: knownCount(usage, cacheReadPaths),
    cacheWrite: knownCount(usage, ['prompt_tokens_details.cache_write_tokens', 'cache_creation_input_tokens']),
    audioIn: knownCount(usage, ['prompt_tokens_details.audio_tokens', 'input_tokens_details.audio_tokens']),
    audioOut: knownCount(usage, ['completion_tokens_details.audio_tokens', 'output_tokens_details.audio_tokens']),
    reasoning: knownCount(usage, reasoningPaths),
  }
  return counts.input === undefined && counts.output === undefined && counts.total === undefined
    ? undefined
    : reconciled(counts)
}

const cacheReadPaths = [
  'prompt_tokens_details.cached_tokens',
  'input_tokens_details.cached_tokens',
  'cached_tokens',
  'num_cached_tokens',
  'prompt_cache_hit_tokens',
  'cache_read_input_tokens',
]
const reasoningPaths = [
  'completion_tokens_details.reasoning_tokens',
  'output_tokens_details.reasoning_tokens',
  'reasoning_tokens',
]

interface ChatCounts {
  readonly input: number | undefined
  readonly output: number | undefined
  readonly total: number | undefined
  readonly cacheRead: number
  readonly cacheWrite: number
  readonly audioIn: number
  readonly audioOut: number
  readonly reasoning: number
}

// Servers disagree on whether a detail is part of its sum. Their total says so.
function reconciled(counts: ChatCounts): TokenUsage {
  const { input = 0, output = 0, cacheRead, cacheWrite } = counts
  const { total = input + output } = counts
  const missing = total - input - output
  const details = [
    { count: counts.reasoning, isInput: false },
    { count: counts.audioOut, isInput: false },
    { count: cacheRead, isInput: true },
    { count: cacheWrite, isInput: true },
    { count: counts.audioIn, isInput: true },
  ].filter(({ count }) => count > 0)
  const beside = missing > 0 ? subsetWithSum(details, missing) : []
  const besideInput = sumOf(beside.filter(({ isInput }) => isInput))
  // What no detail explains was generated, such as thoughts that a server hides.
  const besideOutput = missing > 0 ? missing - besideInput : 0
  return disjoint({ input: input + besideInput, output: output + besideOutput, cacheRead, cacheWrite })
}

interface Detail {
  readonly count: number
  readonly isInput: boolean
}

/** The first of all subsets, of at most five details, that has the sum; empty when none has. */
function subsetWithSum(details: readonly Detail[], sum: number): readonly Detail[] {
  for (let mask = 1; mask < 2 ** details.length; mask += 1) {
    const subset = details.filter((_, bit) => (mask & (1 << bit)) !== 0)
    if (sumOf(subset) === sum) return subset
  }
  return []
}

function sumOf(details: readonly Pick<Detail, 'count'>[]): number {
  return details.reduce((sum, { count }) => sum + count, 0)
}

/** The usage of a Google answer; undefined when there is none. */
export function googleUsage(value: unknown): TokenUsage | undefined {
  const usage = recordOf(value)
  const total = firstCount(usage, ['totalTokenCount'])
  if (total === undefined && firstCount(usage, ['promptTokenCount', 'candidatesTokenCount']) === undefined)
    return undefined
  const prompt = knownCount(usage, ['promptTokenCount'])
  const candidates = knownCount(usage, ['candidatesTokenCount'])
  const thoughts = knownCount(usage, ['thoughtsTokenCount'])
  const toolUse = knownCount(usage, ['toolUsePromptTokenCount'])
  const cacheRead = knownCount(usage, ['cachedContentTokenCount'])
  // The protocol counts thoughts and the prompts of tools beside the others, and the cached ones within the prompt.
  const rest = total === undefined ? thoughts + toolUse : total - prompt - candidates
  const isBeside = (count: number) => rest >= count
  const input = prompt + (isBeside(thoughts + toolUse) ? toolUse : 0)
  const isCacheBeside = cacheRead > 0 && rest === thoughts + toolUse + cacheRead
  const output = candidates + (isBeside(thoughts) ? thoughts : 0)
  return disjoint({ input: input + (isCacheBeside ? cacheRead : 0), output, cacheRead, cacheWrite: 0 })
}

const anthropicPaths = {
  inputTokens: ['input_tokens', 'prompt_tokens'],
  outputTokens: ['output_tokens', 'completion_tokens'],
  cacheReadTokens: ['cache_read_input_tokens'],
  cacheWriteTokens: ['cache_creation_input_tokens'],
} as const

/** The usage of an Anthropic event on top of that of the events before it; undefined when nothing was counted. */
export function anthropicUsage(value: unknown, before: TokenUsage | undefined): TokenUsage | undefined {
  const usage = recordOf(value)
  const counted: Partial<Record<keyof TokenUsage, number>> = {
    ...countsAt(usage, 'inputTokens'),
    ...countsAt(usage, 'outputTokens'),
    ...countsAt(usage, 'cacheReadTokens'),
    ...countsAt(usage, 'cacheWriteTokens'),
  }
  if (usage === undefined || Object.keys(counted).length === 0) return before
  return { ...(before ?? noUsage), ...counted, ...iterationsIn(usage) }
}

function countsAt(usage: WireRecord | undefined, name: keyof TokenUsage): Partial<TokenUsage> {
  const count = firstCount(usage, anthropicPaths[name])
  return count === undefined ? {} : { [name]: count }
}

// The sums leave out what was spent before the last iteration. What another model did has a price of its own.
function iterationsIn({ iterations }: WireRecord): Partial<TokenUsage> {
  const all = listOf(iterations).map((iteration) => recordOf(iteration) ?? {})
  const own = all.filter(({ type }) => type === 'message' || type === 'compaction')
  if (own.length === 0 || all.some(({ type }) => type === 'fallback_message')) return {}
  const sum = (name: string) => own.reduce((total, iteration) => total + (countOf(iteration[name]) ?? 0), 0)
  return { inputTokens: sum('input_tokens'), outputTokens: sum('output_tokens') }
}

interface Counts {
  readonly input: number
  readonly output: number
  readonly cacheRead: number
  readonly cacheWrite: number
}

function disjoint({ input, output, cacheRead, cacheWrite }: Counts): TokenUsage {
  const inputTokens = Math.max(0, input - cacheRead - cacheWrite)
  return { inputTokens, outputTokens: output, cacheReadTokens: cacheRead, cacheWriteTokens: cacheWrite }
}

/** The first count that stands at one of the paths, such as `details.cached_tokens`. */
function firstCount(usage: WireRecord | undefined, paths: readonly string[]): number | undefined {
  for (const path of paths) {
    const count = countOf(path.split('.').reduce<unknown>((value, field) => recordOf(value)?.[field], usage))
    if (count !== undefined) return count
  }
  return undefined
}

function knownCount(usage: WireRecord | undefined, paths: readonly string[]): number {
  return firstCount(usage, paths) ?? 0
}
