import type { LanguageModelV4FinishReason, LanguageModelV4StreamPart, SharedV4ProviderMetadata } from '@ai-sdk/provider'
import type { ModelTarget } from './model-target.ts'
import { toolCallsMax, type RefusalReason } from './event-check.ts'
import { ModelCallError, refusedAnswerError } from './model-call-error.ts'
import { toProviderData, type AnswerPart } from './provider-data.ts'
import { ReportedError } from './reading/answer-reader.ts'
import type { AnswerReading } from './reading/answer-reading.ts'
import { noUsage } from './reading/usage-counts.ts'
import type { FinishReason, StepAnswer, TokenUsage, ToolCall } from './step-message.ts'

/** The most parts of one answer: texts, reasoning and tool calls. */
const partsMax = 1_024
const idLengthMax = 256

export interface CollectorOptions {
  readonly target: ModelTarget
  readonly textBytesMax: number
  readonly reading: AnswerReading
  readonly onTextDelta: ((text: string) => void) | undefined
}

interface OpenText {
  readonly type: 'text' | 'reasoning'
  text: string
  options: SharedV4ProviderMetadata | undefined
}

type Collected =
  | OpenText
  | { readonly type: 'tool-call'; readonly id: string; readonly options: SharedV4ProviderMetadata | undefined }

type TextPart = Extract<LanguageModelV4StreamPart, { type: `${'text' | 'reasoning'}-${'start' | 'delta' | 'end'}` }>

function isTextPart(part: LanguageModelV4StreamPart): part is TextPart {
  return /^(text|reasoning)-(start|delta|end)$/.test(part.type)
}

/** Collects the parts of a streamed answer. */
export class AnswerCollector {
  readonly #options: CollectorOptions
  readonly #parts: Collected[] = []
  readonly #open = new Map<string, OpenText>()
  readonly #toolCalls: ToolCall[] = []
  readonly #ids = new Set<string>()
  #startedCalls = 0
  #bytes = 0
  #finishReason: LanguageModelV4FinishReason | undefined

  constructor(options: CollectorOptions) {
    this.#options = options
  }

  get usage(): TokenUsage | undefined {
    return this.#options.reading.usage
  }

  /** True once the model has sent text, reasoning or a part of a tool call. */
  get hasToken(): boolean {
    return this.#bytes > 0
  }

  /** True once the provider has sent a finish reason: the answer is complete. */
  get isComplete(): boolean {
    const reason = this.#finishReason
    return reason !== undefined && (reason.raw !== undefined || reason.unified === 'content-filter')
  }

  /** Adds one part. Throws ReportedError, ModelCallError for a too large answer, and any error of `onTextDelta`. */
  take(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case 'tool-input-start':
        return this.#startToolCall(part)
      case 'tool-input-delta':
        return this.#count(part.delta)
      case 'tool-call':
        return this.#takeToolCall(part)
      case 'finish':
        return this.#finish(part)
      case 'error':
        throw new ReportedError(part.error)
      default:
        if (isTextPart(part)) this.#takeText(part)
    }
  }

  /** The whole answer. Throws ModelCallError when the stream ended without a finish reason. */
  answer(): StepAnswer {
    const reason = this.#finishReason
    if (reason === undefined || !this.isComplete) {
      const message = "The model's answer ended before it was complete."
      throw new ModelCallError({ kind: 'connection', message, retryable: true }, this.usage)
    }
    if (reason.unified === 'error' || reason.raw === 'error') {
      const message = `The model stopped its answer with an error (${String(reason.raw).slice(0, 60)}).`
      throw new ModelCallError({ kind: 'unavailable', message, retryable: true }, this.usage)
    }
    const reading = this.#options.reading.report()
    return {
      text: this.#parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
      toolCalls: this.#toolCalls,
      usage: this.usage ?? noUsage,
      finishReason: toFinishReason(reason, this.#toolCalls.length > 0),
      providerData: toProviderData(this.#options.target, this.#parts.flatMap(toAnswerPart)),
      ...(reading === undefined ? {} : { reading }),
    }
  }

  #takeText(part: TextPart): void {
    const type = part.type.startsWith('text') ? 'text' : 'reasoning'
    const isStart = part.type.endsWith('-start')
    const open = (isStart ? undefined : this.#open.get(type + part.id)) ?? this.#openText(type, part.id)
    this.#countOptions(part.providerMetadata)
    if (part.providerMetadata !== undefined) open.options = merged(open.options, part.providerMetadata)
    if (!('delta' in part) || part.delta === '') return
    this.#count(part.delta)
    open.text += part.delta
    if (type === 'text') this.#options.onTextDelta?.(part.delta)
  }

  #openText(type: OpenText['type'], id: string): OpenText {
    const open: OpenText = { type, text: '', options: undefined }
    this.#open.set(type + id, open)
    this.#addPart(open)
    return open
  }

  // Before the arguments, so that an answer with too many calls ends early.
  #startToolCall(part: Extract<LanguageModelV4StreamPart, { type: 'tool-input-start' }>): void {
    this.#count(part.id + part.toolName)
    this.#startedCalls += 1
    if (this.#startedCalls > toolCallsMax) throw this.#refused('too-many-calls')
  }

  #takeToolCall(part: Extract<LanguageModelV4StreamPart, { type: 'tool-call' }>): void {
    this.#count(part.toolCallId + part.toolName + part.input)
    this.#countOptions(part.providerMetadata)
    if (this.#toolCalls.length >= toolCallsMax) throw this.#refused('too-many-calls')
    const id = this.#uniqueId(part.toolCallId)
    this.#toolCalls.push({ id, name: part.toolName, argumentsText: part.input })
    this.#addPart({ type: 'tool-call', id, options: part.providerMetadata })
  }

  // The journal identifies a call by its id, and some providers repeat ids. Ids that one protocol's characters make
  // equal count as repeated, because a run can change its model.
  #uniqueId(given: string): string {
    const wanted = given.length > idLengthMax ? '' : given
    let id = wanted || 'call'
    for (let number = this.#toolCalls.length; wanted === '' || this.#ids.has(plainId(id)); number += 1) {
      id = `${wanted || 'call'}_${number}`
      if (!this.#ids.has(plainId(id))) break
    }
    this.#ids.add(plainId(id))
    return id
  }

  #addPart(part: Collected): void {
    if (this.#parts.length >= partsMax) throw this.#refused('too-complex')
    this.#parts.push(part)
  }

  #finish(part: Extract<LanguageModelV4StreamPart, { type: 'finish' }>): void {
    if (this.isComplete) return
    this.#finishReason = part.finishReason
  }

  // Arguments are counted twice, as deltas and as a whole call: the limit only protects memory.
  #count(text: string): void {
    this.#bytes += Buffer.byteLength(text)
    if (this.#bytes > this.#options.textBytesMax * 2) throw this.#refused('too-large')
  }

  #countOptions(options: SharedV4ProviderMetadata | undefined): void {
    if (options !== undefined) this.#count(JSON.stringify(options))
  }

  #refused(reason: RefusalReason): ModelCallError {
    return refusedAnswerError(reason, this.#options.textBytesMax, this.usage)
  }
}

/** The id with the characters that every protocol allows. */
function plainId(id: string): string {
  return id.replace(/[^\w-]/g, '_')
}

function toFinishReason({ unified, raw }: LanguageModelV4FinishReason, hasToolCalls: boolean): FinishReason {
  switch (unified) {
    case 'stop':
      // The provider stopped in the middle of its own tools.
      if (raw === 'pause_turn') return 'other'
      // Some compatible servers send "stop" although the answer contains tool calls.
      return hasToolCalls ? 'tool-calls' : 'stop'
    case 'tool-calls':
      return hasToolCalls ? 'tool-calls' : 'other'
    case 'length':
    case 'content-filter':
      return unified
    case 'error':
    case 'interrupted':
    case 'other':
      return 'other'
  }
}

function merged(
  before: SharedV4ProviderMetadata | undefined,
  more: SharedV4ProviderMetadata,
): SharedV4ProviderMetadata {
  const result = { ...before }
  for (const [provider, values] of Object.entries(more)) result[provider] = { ...result[provider], ...values }
  return result
}

function toAnswerPart(part: Collected): AnswerPart[] {
  const options = part.options === undefined ? {} : { options: part.options }
  if (part.type === 'tool-call') return [{ type: 'tool-call', id: part.id, ...options }]
  if (part.type === 'text') return [{ type: 'text', length: part.text.length, ...options }]
  return part.text === '' && part.options === undefined ? [] : [{ type: 'reasoning', text: part.text, ...options }]
}
