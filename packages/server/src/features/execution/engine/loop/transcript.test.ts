import { describe, expect, it } from 'vitest'
import { DamagedJournal, type JournalRow } from '../../runs/index.ts'
import { addAnswer, addReminder, addResult, newTranscript, rebuildTranscript } from './transcript.ts'

const opening = [{ role: 'system', text: 'goal' } as const]

const answer: JournalRow = {
  event: 'model_answer',
  message: 'Working.',
  data: {
    step: 1,
    toolCalls: [
      { id: 'a', name: 'bash', arguments: '{"command":"ls"}' },
      { id: 'b', name: 'output', arguments: '{}' },
    ],
    finishReason: 'tool-calls',
  },
  journal: { providerData: { signature: 's' } },
}
const started: JournalRow = {
  event: 'tool_started',
  message: 'Tool: bash',
  data: { tool: 'bash', callId: 'a', arguments: '{}' },
  journal: null,
}
const finished: JournalRow = {
  event: 'tool_finished',
  message: null,
  data: { tool: 'bash', callId: 'a', isError: false, result: 'file', durationMs: 3 },
  journal: null,
}
const refused: JournalRow = {
  event: 'tool_finished',
  message: null,
  data: {
    tool: 'output',
    callId: 'b',
    isError: true,
    result: 'wrong',
    reasons: [{ pointer: '/total', message: 'is required' }],
  },
  journal: null,
}
const reminder: JournalRow = { event: 'reminder', message: 'Call output.', data: null, journal: null }

describe('a transcript', () => {
  it('rebuilt from the journal equals the one built by the loop', () => {
    const live = newTranscript(opening)
    const [bash, output] = [
      { id: 'a', name: 'bash', argumentsText: '{"command":"ls"}' },
      { id: 'b', name: 'output', argumentsText: '{}' },
    ]
    addAnswer(live, {
      text: 'Working.',
      toolCalls: [bash, output],
      finishReason: 'tool-calls',
      providerData: { signature: 's' },
    })
    addResult(live, bash, { text: 'file', isError: false })
    addResult(live, output, { text: 'wrong', isError: true, reasons: [{ pointer: '/total', message: 'is required' }] })
    addReminder(live, 'Call output.')
    const rebuilt = rebuildTranscript(opening, [answer, started, finished, refused, reminder])
    expect({ ...rebuilt, started: new Set() }).toEqual({ ...live, started: new Set() })
  })

  it('knows the open calls, and which of them may have had effects', () => {
    const transcript = rebuildTranscript(opening, [answer, started])
    expect([...transcript.openCalls.keys()]).toEqual(['a', 'b'])
    expect([...transcript.started]).toEqual(['a'])
    expect([...rebuildTranscript(opening, [answer, started, finished]).openCalls.keys()]).toEqual(['b'])
  })

  it('counts steps, refused outputs and reminders over all attempts', () => {
    expect(rebuildTranscript(opening, [answer, started, finished, refused, reminder])).toMatchObject({
      steps: 1,
      refusedOutputs: 1,
      reminders: 1,
      hasOutput: false,
      lastReasons: [{ pointer: '/total', message: 'is required' }],
    })
  })

  it('refuses a damaged journal', () => {
    expect(() =>
      rebuildTranscript(opening, [{ event: 'model_answer', message: '', data: { toolCalls: 'none' }, journal: null }]),
    ).toThrow(DamagedJournal)
  })
})
