import type { StepAnswer, StepMessage, ToolCall } from '../../../catalog/models/index.ts'
import { parseReplayed, type JournalRow, type ReplayedEntry } from '../../runs/index.ts'
import type { ToolResult } from '../../tools/index.ts'

/** The conversation so far, with its open tool calls. */
export interface Transcript {
  readonly messages: StepMessage[]
  /** Calls of the last answer that have no result yet, by id and in order. */
  openCalls: Map<string, ToolCall>
  /** Ids of open calls whose start was journalled. */
  readonly started: Set<string>
  steps: number
  /** Why the last answer ended. */
  finishReason: string | undefined
  reminders: number
  hasOutput: boolean
  refusedOutputs: number
  lastReasons: readonly { readonly pointer: string; readonly message: string }[]
}

/** The transcript that starts with the given messages. */
export function newTranscript(opening: readonly StepMessage[]): Transcript {
  return {
    messages: [...opening],
    openCalls: new Map(),
    started: new Set(),
    steps: 0,
    finishReason: undefined,
    reminders: 0,
    hasOutput: false,
    refusedOutputs: 0,
    lastReasons: [],
  }
}

/** Rebuilds the transcript of an interrupted run from its journal. Throws DamagedJournal. */
export function rebuildTranscript(opening: readonly StepMessage[], journal: readonly JournalRow[]): Transcript {
  const transcript = newTranscript(opening)
  for (const row of journal) applyEntry(transcript, parseReplayed(row))
  return transcript
}

function applyEntry(transcript: Transcript, entry: ReplayedEntry): void {
  switch (entry.event) {
    case 'model_answer':
      return addAnswer(transcript, entry.answer)
    case 'tool_started':
      transcript.started.add(entry.callId)
      return
    case 'tool_finished':
      return addResult(transcript, entry.call, entry.result)
    case 'reminder':
      return addReminder(transcript, entry.text)
  }
}

/** Adds a model's answer; its tool calls are open until they have results. */
export function addAnswer(
  transcript: Transcript,
  answer: Pick<StepAnswer, 'text' | 'toolCalls' | 'providerData'> & { readonly finishReason: string | undefined },
): void {
  const providerData = answer.providerData === undefined ? {} : { providerData: answer.providerData }
  transcript.messages.push({ role: 'assistant', text: answer.text, toolCalls: answer.toolCalls, ...providerData })
  transcript.openCalls = new Map(answer.toolCalls.map((call) => [call.id, call]))
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
  transcript.openCalls.delete(call.id)
  if (call.name !== 'output') return
  if (result.isError) {
    transcript.refusedOutputs += 1
    transcript.lastReasons = result.reasons ?? []
  } else {
    transcript.hasOutput = true
  }
}

/** Adds a reminder that the output is missing. */
export function addReminder(transcript: Transcript, text: string): void {
  transcript.messages.push({ role: 'user', text })
  transcript.reminders += 1
}
