import type { TokenUsage } from '../step-message.ts'
import type { ReadingNotes } from './reading-notes.ts'

/** One server-sent event, or a whole JSON body. */
export interface ServerEvent {
  /** The name from its `event:` line. */
  readonly name: string | undefined
  readonly data: string
  /** The data as JSON; undefined when it is not JSON. */
  readonly value: unknown
  /** Whether this is a JSON body, or the last item of one: the answer has no further events. */
  readonly isWhole: boolean
}

/**
 * Reads the answers of one wire protocol. It builds each event of the provider package anew, from the fields that it
 * knows: nothing else that a server sends can reach the package.
 */
export interface AnswerReader {
  /** The package's events for one event of the server. Throws AnswerRefused for more than an answer may have. */
  read(event: ServerEvent): object[]
  /** The package's last events, once the answer is complete. */
  finish(): object[]
  /** The usage so far, undefined while the server has counted nothing. */
  readonly usage: TokenUsage | undefined
  /** Takes the usage of an event that is not read, such as an error. */
  takeUsage(value: unknown): void
  /** Whether text, reasoning or a tool call has arrived. */
  readonly hasContent: boolean
  /** Whether text or a tool call has arrived. */
  readonly hasAnswer: boolean
  /** Whether the server has said why the answer ended. */
  readonly hasReason: boolean
}

/** What all readers need. */
export interface ReaderContext {
  readonly notes: ReadingNotes
  /** The names of the tools that the request offers. */
  readonly toolNames: ReadonlySet<string>
  /** Limits what a reader holds back. */
  readonly textBytesMax: number
}

/** The server reports an error instead of an answer, or in the middle of one; `reported` is that error as received. */
export class ReportedError extends Error {
  override readonly name = 'ReportedError'
  readonly reported: unknown

  constructor(reported: unknown) {
    super('The provider reported an error in its answer.')
    this.reported = reported
  }
}

/** The answer ended before it was complete. `text` is the start of what was sent instead of an answer, if anything. */
export class IncompleteAnswer extends Error {
  override readonly name = 'IncompleteAnswer'
  readonly text: string

  constructor(text: string) {
    super('The answer ended before it was complete.')
    this.text = text
  }
}
