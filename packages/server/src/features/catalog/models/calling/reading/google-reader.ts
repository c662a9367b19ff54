import type { TokenUsage } from '../step-message.ts'
import { ReportedError, type AnswerReader, type ReaderContext, type ServerEvent } from './answer-reader.ts'
import { argumentsText } from './chat-calls.ts'
import { GoogleCalls } from './google-calls.ts'
import { googleUsage } from './usage-counts.ts'
import { idOf } from './short-text.ts'
import { countOf, listOf, recordOf, textOf, type WireRecord } from './wire-values.ts'

/** Finish reasons that give no reason. */
const noReasons = new Set(['', 'FINISH_REASON_UNSPECIFIED', 'BLOCK_REASON_UNSPECIFIED', 'BLOCKED_REASON_UNSPECIFIED'])

/** Finish reasons of a tool call that the provider could not read itself. */
const malformedCalls = new Set(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL'])

/** Reads the answers of Google's generateContent, streamed or whole. */
export class GoogleReader implements AnswerReader {
  usage: TokenUsage | undefined
  hasContent = false
  hasAnswer = false
  readonly #context: ReaderContext
  readonly #calls: GoogleCalls
  #reason: string | undefined
  #finishMessage: string | undefined
  #blockReason: string | undefined

  constructor(context: ReaderContext) {
    this.#context = context
    this.#calls = new GoogleCalls(context)
  }

  get hasReason(): boolean {
    return this.#reason !== undefined || this.#blockReason !== undefined
  }

  read({ value }: ServerEvent): object[] {
    const given = recordOf(value)
    const event = recordOf(given?.response) ?? given
    if (event === undefined) {
      this.#context.notes.skip('event that is no object')
      return []
    }
    this.takeUsage(event)
    this.#blockReason ??= reasonOf(recordOf(event.promptFeedback)?.blockReason)
    const candidate = firstCandidate(event)
    if (candidate === undefined) {
      if (!isQuiet(event)) this.#context.notes.skip(`event ${textOf(event.type) ?? 'without candidates'}`)
      return []
    }
    return this.#candidate(candidate)
  }

  takeUsage(value: unknown): void {
    this.usage = googleUsage(recordOf(value)?.usageMetadata) ?? this.usage
  }

  finish(): object[] {
    if (this.#reason !== undefined && malformedCalls.has(this.#reason)) throw this.#malformedCall(this.#reason)
    const open = this.#calls.finish()
    const last = this.#blockReason === undefined ? {} : { promptFeedback: { blockReason: this.#blockReason } }
    const content = open.length === 0 ? {} : { content: { role: 'model', parts: open } }
    return [{ candidates: [{ ...content, finishReason: this.#reason ?? 'STOP' }], ...last }]
  }

  // In the form of the servers that report such a call as an error.
  #malformedCall(reason: string): ReportedError {
    const message = `The model wrote a tool call that the provider cannot read (${reason}).`
    return new ReportedError({
      error: { message, code: 'tool_use_failed', status: 'INVALID_ARGUMENT', failed_generation: this.#finishMessage },
    })
  }

  #candidate(candidate: WireRecord): object[] {
    this.#reason = reasonOf(candidate.finishReason) ?? this.#reason
    this.#finishMessage = textOf(candidate.finishMessage) ?? this.#finishMessage
    const content = recordOf(candidate.content)
    const parts = listOf(content?.parts).flatMap((part) => this.#part(recordOf(part)) ?? [])
    this.#noteSearches(candidate)
    if (parts.length === 0) return []
    this.hasContent = true
    return [{ candidates: [{ content: { role: 'model', parts } }] }]
  }

  #part(part: WireRecord | undefined): object | undefined {
    const signature = textOf(part?.thoughtSignature)
    const signed = signature === undefined ? {} : { thoughtSignature: signature }
    const call = recordOf(part?.functionCall)
    if (call !== undefined) {
      const complete = this.#calls.take(call, signed)
      this.hasContent = this.hasAnswer = true
      return complete
    }
    if (typeof part?.text === 'string') return this.#text(part, part.text, signed)
    this.#notePart(part ?? {})
    return undefined
  }

  #text({ thought }: WireRecord, text: string, signed: object): object | undefined {
    if (text === '' && Object.keys(signed).length === 0) return undefined
    this.hasAnswer ||= text !== '' && thought !== true
    return { text, ...(thought === true ? { thought: true } : {}), ...signed }
  }

  #notePart(part: WireRecord): void {
    const { notes } = this.#context
    const tool = recordOf(part.toolCall)
    const code = recordOf(part.executableCode)
    if (tool !== undefined)
      notes.serverTool(idOf(tool.id) ?? '', textOf(tool.toolType) ?? 'tool', argumentsText(tool.args))
    else if (code !== undefined) notes.serverTool('', 'code_execution', argumentsText(code.code))
    else if (!('toolResponse' in part || 'codeExecutionResult' in part))
      notes.skip(`part ${Object.keys(part)[0] ?? 'without content'}`)
  }

  // Searches have no parts of their own: a candidate lists what was asked, and where the answer was found.
  #noteSearches(candidate: WireRecord): void {
    const grounding = recordOf(candidate.groundingMetadata)
    if (grounding === undefined) return
    for (const query of listOf(grounding.webSearchQueries))
      this.#context.notes.serverTool('', 'google_search', textOf(query) ?? '')
    const urls = listOf(grounding.groundingChunks).flatMap((chunk) => textOf(recordOf(recordOf(chunk)?.web)?.uri) ?? [])
    this.#context.notes.sources('', urls)
  }
}

function firstCandidate(event: WireRecord): WireRecord | undefined {
  for (const value of listOf(event.candidates)) {
    const candidate = recordOf(value)
    if (candidate !== undefined && (countOf(candidate.index) ?? 0) === 0) return candidate
  }
  return undefined
}

const quietFields = new Set(['candidates', 'usageMetadata', 'promptFeedback', 'modelVersion', 'responseId'])

function isQuiet(event: WireRecord): boolean {
  return Object.keys(event).every((field) => quietFields.has(field) || field === 'createTime')
}

function reasonOf(value: unknown): string | undefined {
  return typeof value === 'string' && !noReasons.has(value) ? value : undefined
}
