import { AnswerRefused } from '../event-check.ts'
import type { TokenUsage } from '../step-message.ts'
import { AnthropicBlocks } from './anthropic-blocks.ts'
import type { AnswerReader, ReaderContext, ServerEvent } from './answer-reader.ts'
import { anthropicUsage } from './usage-counts.ts'
import { countOf, listOf, recordOf, textOf, type WireRecord } from './wire-values.ts'

const eventsOfOneMax = 4_096

/** Reads Anthropic messages, streamed or whole. */
export class AnthropicReader implements AnswerReader {
  usage: TokenUsage | undefined
  readonly #context: ReaderContext
  readonly #blocks: AnthropicBlocks
  #isStarted = false
  #reason: string | undefined

  constructor(context: ReaderContext) {
    this.#context = context
    this.#blocks = new AnthropicBlocks(context)
  }

  get hasContent(): boolean {
    return this.#blocks.hasContent
  }

  get hasAnswer(): boolean {
    return this.#blocks.hasAnswer
  }

  get hasReason(): boolean {
    return this.#reason !== undefined
  }

  read({ name, value }: ServerEvent): object[] {
    const event = recordOf(value)
    if (event === undefined) {
      this.#context.notes.skip('event that is no object')
      return []
    }
    const events = this.#read(textOf(event.type) ?? name ?? 'event without a type', event)
    return events.length === 0 || this.#isStarted ? events : [...this.#start(), ...events]
  }

  takeUsage(value: unknown): void {
    this.usage = anthropicUsage(recordOf(value)?.usage, this.usage)
  }

  finish(): object[] {
    const events = [...(this.#isStarted ? [] : this.#start()), ...this.#blocks.finish()]
    const reason = this.#reason ?? (this.#blocks.hasCalls ? 'tool_use' : 'end_turn')
    const delta = { type: 'message_delta', delta: { stop_reason: reason }, usage: { output_tokens: 0 } }
    return [...events, delta, { type: 'message_stop' }]
  }

  #read(type: string, event: WireRecord): object[] {
    switch (type) {
      case 'message_start':
        return this.#takeMessage(recordOf(event.message) ?? event)
      case 'message':
        return this.#takeMessage(event)
      case 'content_block_start':
        return this.#blocks.start(countOf(event.index), event.content_block)
      case 'content_block_delta':
        return this.#blocks.delta(countOf(event.index), event.delta)
      case 'content_block_stop':
        return this.#blocks.stop(countOf(event.index))
      case 'message_delta':
        this.#takeEnd(event.delta, event.usage)
        return []
      default:
        this.#pass(type, event)
        return []
    }
  }

  #pass(type: string, event: WireRecord): void {
    if (!quietTypes.has(type) && Object.keys(event).length > 0) this.#context.notes.skip(`event ${type}`)
  }

  #takeMessage(message: WireRecord): object[] {
    this.#takeEnd(message, message.usage)
    const blocks = listOf(message.content)
    if (blocks.length > eventsOfOneMax) throw new AnswerRefused('too-complex')
    return blocks.flatMap((block) => [...this.#blocks.start(undefined, block), ...this.#blocks.stop(undefined)])
  }

  #takeEnd(holder: unknown, usage: unknown): void {
    this.usage = anthropicUsage(usage, this.usage)
    this.#reason = textOf(recordOf(holder)?.stop_reason) ?? this.#reason
  }

  #start(): object[] {
    this.#isStarted = true
    return [{ type: 'message_start', message: { usage: { input_tokens: 0 } } }]
  }
}

const quietTypes = new Set(['ping', 'message_stop'])
