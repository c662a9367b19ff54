import type { ModelApi } from '../model-target.ts'
import type { TokenUsage } from '../step-message.ts'
import {
  IncompleteAnswer,
  ReportedError,
  type AnswerReader,
  type ReaderContext,
  type ServerEvent,
} from './answer-reader.ts'
import { AnthropicReader } from './anthropic-reader.ts'
import { ChatReader } from './chat-reader.ts'
import { GoogleReader } from './google-reader.ts'
import { isErrorReport, reasonIn } from './provider-error.ts'
import { ReadingNotes, type ReadingReport } from './reading-notes.ts'
import { recordOf } from './wire-values.ts'

export interface ReadingOptions {
  readonly api: ModelApi
  readonly toolNames: ReadonlySet<string>
  readonly textBytesMax: number
}

/**
 * Reads one answer of a model's server, and turns it into events that the provider package cannot misread. What
 * cannot be read is counted and passed over: it never costs what has arrived.
 */
export class AnswerReading {
  readonly #notes = new ReadingNotes()
  readonly #reader: AnswerReader
  #hasEnded = false
  #isFinished = false
  /** The first thing that is no event of an answer. */
  #foreign: unknown

  constructor({ api, toolNames, textBytesMax }: ReadingOptions) {
    this.#reader = readerFor(api, { notes: this.#notes, toolNames, textBytesMax })
  }

  get usage(): TokenUsage | undefined {
    return this.#reader.usage
  }

  get hasContent(): boolean {
    return this.#reader.hasContent
  }

  /** True once the protocol's end mark has arrived: nothing that follows can belong to the answer. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** True once the answer is whole, however the connection ends. */
  get isComplete(): boolean {
    return this.#hasEnded || this.#reader.hasReason
  }

  /** What was passed over; undefined when nothing was. */
  report(): ReadingReport | undefined {
    return this.#notes.report()
  }

  /** The package's events for one event of the server. Throws ReportedError and AnswerRefused. */
  take(event: ServerEvent): object[] {
    if (event.value === undefined) return this.#takeText(event)
    if (this.#hasEnded) return this.#skip('event after the end')
    if (event.name === 'error' || isErrorReport(event.value)) return this.#takeError(event.value)
    const events = this.#reader.read(event)
    if (endsMessage(event) || (event.isWhole && this.#hasAnything)) this.#hasEnded = true
    else if (!this.#hasAnything && this.#foreign === undefined && reasonIn(event.value) !== '')
      this.#foreign = event.value
    return events
  }

  /** The last events for the package. Throws IncompleteAnswer and ReportedError when the answer is not whole. */
  end(): object[] {
    if (this.isComplete) {
      if (this.#isFinished) return []
      this.#isFinished = true
      return this.#reader.finish()
    }
    if (this.#foreign !== undefined && !this.hasContent && typeof this.#foreign !== 'string')
      throw new ReportedError(this.#foreign)
    throw new IncompleteAnswer(typeof this.#foreign === 'string' && !this.hasContent ? this.#foreign : '')
  }

  get #hasAnything(): boolean {
    return this.#reader.hasContent || this.#reader.hasReason
  }

  #takeText({ name, data }: ServerEvent): object[] {
    const text = data.trim()
    if (endMarks.has(text.toLowerCase())) this.#hasEnded = true
    else if (name === 'error' && text !== '') return this.#takeError(text)
    else if (text !== '') {
      this.#foreign ??= text.slice(0, foreignMax)
      return this.#skip('event that is no JSON')
    }
    return []
  }

  #takeError(error: unknown): object[] {
    if (this.#hasEnded || (this.#reader.hasReason && this.#reader.hasAnswer)) return this.#skip('error after the end')
    this.#reader.takeUsage(error)
    throw new ReportedError(error)
  }

  #skip(kind: string): object[] {
    this.#notes.skip(kind)
    return []
  }
}

const endMarks = new Set(['[done]', 'done'])
const foreignMax = 8_192

function endsMessage({ name, value }: ServerEvent): boolean {
  const type = recordOf(value)?.type ?? name
  return type === 'message_stop'
}

function readerFor(api: ModelApi, context: ReaderContext): AnswerReader {
  switch (api) {
    case 'anthropic':
      return new AnthropicReader(context)
    case 'google':
      return new GoogleReader(context)
    case 'openai-compatible':
    case 'openai':
    case 'mistral':
      return new ChatReader(api, context)
  }
}
