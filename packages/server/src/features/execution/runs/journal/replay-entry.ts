import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { StepAnswer, ToolCall } from '../../../catalog/models/index.ts'
import type { RunError } from '../run.ts'
import { ReasonsWire } from '../run-wire.ts'
import { ToolCallData, type LogEventName } from './log-events.ts'

/** A row of the journal with its content in clear. */
export interface JournalRow {
  readonly event: string
  readonly message: string | null
  readonly data: unknown
  readonly journal: unknown
}

/** An entry from which an interrupted run is resumed. */
export type ReplayedEntry =
  | {
      readonly event: 'model_answer'
      readonly answer: Pick<StepAnswer, 'text' | 'toolCalls' | 'providerData'> & {
        readonly finishReason: string | undefined
      }
    }
  | { readonly event: 'tool_started'; readonly callId: string }
  | {
      readonly event: 'tool_finished'
      readonly call: Pick<ToolCall, 'id' | 'name'>
      readonly result: {
        readonly text: string
        readonly isError: boolean
        readonly reasons?: NonNullable<RunError['reasons']>
      }
    }
  | { readonly event: 'reminder'; readonly text: string }

/** The journal has an entry that no version of this program has written. */
export class DamagedJournal extends Error {
  override readonly name = 'DamagedJournal'
}

// Only what a resume needs is checked: entries of earlier versions lack the fields that were added later.
const AnswerData = Compile(
  Type.Object({ finishReason: Type.Optional(Type.String()), toolCalls: Type.Array(ToolCallData) }),
)
const AnswerJournal = Compile(
  Type.Object({ providerData: Type.Optional(Type.Unsafe<StepAnswer['providerData']>(Type.Unknown())) }),
)
const StartData = Compile(Type.Object({ callId: Type.String() }))
const ResultData = Compile(
  Type.Object({
    callId: Type.String(),
    tool: Type.String(),
    isError: Type.Boolean(),
    result: Type.String(),
    reasons: Type.Optional(ReasonsWire),
  }),
)

const readers = {
  model_answer({ message, data, journal }) {
    if (!AnswerData.Check(data)) return undefined
    const toolCalls = data.toolCalls.map((call) => ({ id: call.id, name: call.name, argumentsText: call.arguments }))
    const providerData = AnswerJournal.Check(journal) ? journal.providerData : undefined
    const kept = providerData === undefined ? {} : { providerData }
    const answer = { text: message ?? '', toolCalls, finishReason: data.finishReason, ...kept }
    return { event: 'model_answer', answer }
  },
  tool_started({ data }) {
    return StartData.Check(data) ? { event: 'tool_started', callId: data.callId } : undefined
  },
  tool_finished({ data }) {
    if (!ResultData.Check(data)) return undefined
    const reasons = data.reasons === undefined ? {} : { reasons: data.reasons }
    return {
      event: 'tool_finished',
      call: { id: data.callId, name: data.tool },
      result: { text: data.result, isError: data.isError, ...reasons },
    }
  },
  reminder: ({ message }) => (message === null ? undefined : { event: 'reminder', text: message }),
} as const satisfies Partial<Record<LogEventName, (row: JournalRow) => ReplayedEntry | undefined>> &
  Record<ReplayedEntry['event'], unknown>

/** The events from which a run is resumed. */
export const replayedEvents = Object.keys(readers)

/** The entry of a row. Throws DamagedJournal. */
export function parseReplayed(row: JournalRow): ReplayedEntry {
  const entry = isReplayed(row.event) ? readers[row.event](row) : undefined
  if (entry === undefined) throw new DamagedJournal(`The journal entry ${row.event} cannot be read.`)
  return entry
}

function isReplayed(event: string): event is ReplayedEntry['event'] {
  return Object.hasOwn(readers, event)
}
