import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { StepAnswer, StepMessage, ToolCall } from '../../catalog/models/index.ts'
import type { JournalEntry } from '../runs/index.ts'
import type { ToolResult } from './tool.ts'

/** The conversation so far, and what is still open in it. */
export interface Transcript {
  readonly messages: StepMessage[]
  /** Calls of the last answer that have no result yet, in order. */
  openCalls: ToolCall[]
  /** Open calls whose start was journalled. */
  readonly started: Set<string>
  steps: number
  /** Why the last answer ended. */
  finishReason: string | undefined
  reminders: number
  hasOutput: boolean
  refusedOutputs: number
  lastReasons: readonly { readonly pointer: string; readonly message: string }[]
}

const AnswerData = Compile(
  Type.Object({
    finishReason: Type.Optional(Type.String()),
    toolCalls: Type.Array(Type.Object({ id: Type.String(), name: Type.String(), arguments: Type.String() })),
  }),
)
const AnswerJournal = Compile(
  Type.Object({ providerData: Type.Optional(Type.Unsafe<StepAnswer['providerData']>(Type.Unknown())) }),
)
const StartData = Compile(Type.Object({ callId: Type.String() }))
const Reasons = Type.Array(Type.Object({ pointer: Type.String(), message: Type.String() }))
const ResultData = Compile(
  Type.Object({
    callId: Type.String(),
    tool: Type.String(),
    isError: Type.Boolean(),
    result: Type.String(),
    reasons: Type.Optional(Reasons),
  }),
)

/** The journal has an entry that no version of this program has written. */
export class DamagedJournal extends Error {
  override readonly name = 'DamagedJournal'
}

/** The transcript that starts with the given messages. */
export function newTranscript(opening: readonly StepMessage[]): Transcript {
  return {
    messages: [...opening],
    openCalls: [],
    started: new Set(),
    steps: 0,
    finishReason: undefined,
    reminders: 0,
    hasOutput: false,
    refusedOutputs: 0,
    lastReasons: [],
  }
}

/** Rebuilds the transcript of a run that was interrupted. Throws DamagedJournal. */
export function rebuildTranscript(opening: readonly StepMessage[], journal: readonly JournalEntry[]): Transcript {
  const transcript = newTranscript(opening)
  for (const entry of journal) applyEntry(transcript, entry)
  return transcript
}

function applyEntry(transcript: Transcript, entry: JournalEntry): void {
  const { event, data, message } = entry
  if (event === 'model_answer' && AnswerData.Check(data)) return applyAnswer(transcript, entry, data)
  if (event === 'tool_started' && StartData.Check(data)) return void transcript.started.add(data.callId)
  if (event === 'tool_finished' && ResultData.Check(data)) {
    const reasons = data.reasons === undefined ? {} : { reasons: data.reasons }
    return addResult(
      transcript,
      { id: data.callId, name: data.tool },
      { text: data.result, isError: data.isError, ...reasons },
    )
  }
  if (event === 'reminder' && message !== null) return addReminder(transcript, message)
  throw new DamagedJournal(`The journal entry ${event} can not be read.`)
}

interface JournalledAnswer {
  readonly finishReason?: string
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[]
}

function applyAnswer(
  transcript: Transcript,
  { message, journal }: JournalEntry,
  { finishReason, toolCalls: calls }: JournalledAnswer,
): void {
  const toolCalls = calls.map((call) => ({ id: call.id, name: call.name, argumentsText: call.arguments }))
  const providerData = AnswerJournal.Check(journal) ? journal.providerData : undefined
  addAnswer(transcript, {
    text: message ?? '',
    toolCalls,
    finishReason,
    ...(providerData === undefined ? {} : { providerData }),
  })
}

/** Adds a model's answer; its tool calls are open until they have results. */
export function addAnswer(
  transcript: Transcript,
  answer: Pick<StepAnswer, 'text' | 'toolCalls' | 'providerData'> & { readonly finishReason: string | undefined },
): void {
  const providerData = answer.providerData === undefined ? {} : { providerData: answer.providerData }
  transcript.messages.push({ role: 'assistant', text: answer.text, toolCalls: answer.toolCalls, ...providerData })
  transcript.openCalls = [...answer.toolCalls]
  transcript.started.clear()
  transcript.finishReason = answer.finishReason
  transcript.steps += 1
}

/** Adds the result of an open call. */
export function addResult(
  transcript: Transcript,
  call: { readonly id: string; readonly name: string },
  result: ToolResult,
): void {
  transcript.messages.push({
    role: 'tool',
    toolCallId: call.id,
    toolName: call.name,
    text: result.text,
    isError: result.isError,
  })
  transcript.openCalls = transcript.openCalls.filter(({ id }) => id !== call.id)
  if (call.name !== 'output') return
  if (result.isError) {
    transcript.refusedOutputs += 1
    transcript.lastReasons = result.reasons ?? []
  } else {
    transcript.hasOutput = true
  }
}

/** Adds a reminder of what the model still owes. */
export function addReminder(transcript: Transcript, text: string): void {
  transcript.messages.push({ role: 'user', text })
  transcript.reminders += 1
}
