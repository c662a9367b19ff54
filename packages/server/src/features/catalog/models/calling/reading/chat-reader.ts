import type { ModelApi } from '../model-target.ts'
import type { TokenUsage } from '../step-message.ts'
import type { AnswerReader, ReaderContext, ServerEvent } from './answer-reader.ts'
import { ChatCalls, argumentsText } from './chat-calls.ts'
import { contentPieces, plainText, type ContentPiece } from './chat-content.ts'
import { chatUsage, isCounted } from './usage-counts.ts'
import { countOf, listOf, recordOf, textOf, type WireRecord } from './wire-values.ts'

/** The wire form of a package's events. */
export type ChatDialect = Extract<ModelApi, 'openai-compatible' | 'openai' | 'mistral'>

/** Reads chat completions, streamed or whole. */
export class ChatReader implements AnswerReader {
  usage: TokenUsage | undefined
  hasContent = false
  hasAnswer = false
  readonly #dialect: ChatDialect
  readonly #context: ReaderContext
  readonly #calls: ChatCalls
  #reason: string | undefined

  constructor(dialect: ChatDialect, context: ReaderContext) {
    this.#dialect = dialect
    this.#context = context
    this.#calls = new ChatCalls(context)
  }

  get hasReason(): boolean {
    return this.#reason !== undefined
  }

  read({ value }: ServerEvent): object[] {
    const event = recordOf(value)
    if (event === undefined) {
      this.#context.notes.skip('event that is no object')
      return []
    }
    const hasUsage = this.takeUsage(event)
    const choice = firstChoice(event)
    if (choice === undefined) {
      if (!hasUsage && listOf(event.choices).length === 0 && !isQuiet(event)) this.#context.notes.skip(kindOf(event))
      return []
    }
    const events = this.#message(choice)
    this.#reason = reasonIn(choice) ?? this.#reason
    return events
  }

  finish(): object[] {
    const pieces = this.#calls.finish()
    const reason = this.#reason ?? (this.#calls.hasCalls ? 'tool_calls' : 'stop')
    return [...this.#callEvent(pieces), chunk({}, reason)]
  }

  // The counts of an earlier event are kept when a later one has only zeros.
  takeUsage(value: unknown): boolean {
    const event = recordOf(value)
    const found = chatUsage(event?.usage) ?? chatUsage(recordOf(event?.x_groq)?.usage)
    if (found !== undefined && (this.usage === undefined || isCounted(found))) this.usage = found
    return found !== undefined
  }

  #message(choice: WireRecord): object[] {
    const delta = recordOf(choice.delta) ?? {}
    const whole = recordOf(choice.message)
    const first = this.#delta(delta)
    // Some servers repeat the whole message at the end of a stream.
    const events = whole === undefined || this.hasContent ? first : first.concat(this.#delta(whole))
    if (events.length > 0 || this.hasContent) return events
    return this.#delta({ content: choice.text })
  }

  #delta(delta: WireRecord): object[] {
    const reasoning = plainText(delta.reasoning_content ?? delta.reasoning ?? delta.thinking)
    const pieces: ContentPiece[] = [{ type: 'reasoning', text: reasoning }, ...contentPieces(delta.content)]
    const refusal = plainText(typeof delta.refusal === 'string' ? delta.refusal : undefined)
    const functionCall = recordOf(delta.function_call)
    const given = [...listOf(delta.tool_calls), ...(functionCall === undefined ? [] : [{ index: 0, ...functionCall }])]
    const calls = given.flatMap((call) => this.#calls.take(call) ?? [])
    this.#noteServerTools(delta)
    const events = [
      ...pieces.filter(({ text }) => text !== '').map((piece) => this.#contentEvent(piece)),
      ...(refusal === '' ? [] : [this.#refusalEvent(refusal)]),
      ...this.#callEvent(calls),
    ]
    if (events.length > 0 || this.#calls.hasCalls) this.hasContent = true
    this.hasAnswer ||=
      refusal !== '' || this.#calls.hasCalls || pieces.some(({ type, text }) => type === 'text' && text !== '')
    return events
  }

  #contentEvent({ type, text }: ContentPiece): object {
    if (type === 'text') return chunk({ content: text })
    if (this.#dialect === 'mistral')
      return chunk({ content: [{ type: 'thinking', thinking: [{ type: 'text', text }] }] })
    return chunk({ reasoning_content: text })
  }

  #refusalEvent(refusal: string): object {
    return chunk(this.#dialect === 'mistral' ? { content: refusal } : { refusal })
  }

  #callEvent(calls: readonly object[]): object[] {
    return calls.length === 0 ? [] : [chunk({ tool_calls: calls })]
  }

  #noteServerTools(delta: WireRecord): void {
    for (const value of listOf(delta.executed_tools)) {
      const tool = recordOf(value)
      const name = textOf(tool?.name) ?? textOf(tool?.type) ?? 'tool'
      // The same tool is sent again with its result.
      if (tool?.output === undefined) this.#context.notes.serverTool('', name, argumentsText(tool?.arguments))
    }
    const cited = listOf(delta.annotations).flatMap((note) => textOf(recordOf(recordOf(note)?.url_citation)?.url) ?? [])
    if (cited.length > 0) this.#context.notes.sources('', cited)
  }
}

function chunk(delta: object, finishReason: string | null = null): object {
  return { choices: [{ index: 0, delta, finish_reason: finishReason }] }
}

// Only one choice is asked for.
function firstChoice(event: WireRecord): WireRecord | undefined {
  for (const value of listOf(event.choices)) {
    const choice = recordOf(value)
    if (choice !== undefined && (countOf(choice.index) ?? 0) === 0) return choice
  }
  return undefined
}

/** Fields of events that say nothing about the answer and are no surprise. */
const quietFields = new Set(['id', 'object', 'created', 'model', 'choices', 'usage', 'type', 'prompt_filter_results'])

function isQuiet(event: WireRecord): boolean {
  return Object.keys(event).every((field) => quietFields.has(field)) && (event.type ?? 'ping') === 'ping'
}

function kindOf(event: WireRecord): string {
  return `event ${textOf(event.type) ?? textOf(event.object) ?? 'without choices'}`
}

const noReasons = new Set(['', 'null', 'none'])
const reasonWords: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  eos: 'stop',
  eos_token: 'stop',
  stop_sequence: 'stop',
  tool_use: 'tool_calls',
  tool_call: 'tool_calls',
  max_tokens: 'length',
  max_output_tokens: 'length',
  model_length: 'length',
  safety: 'content_filter',
}

function reasonIn({ finish_reason: reason }: WireRecord): string | undefined {
  if (typeof reason !== 'string' || noReasons.has(reason.toLowerCase())) return undefined
  const lower = reason.toLowerCase()
  return reasonWords[lower] ?? lower
}
