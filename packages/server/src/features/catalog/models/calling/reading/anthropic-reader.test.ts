import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { failureOfCall } from '../testing/model-calls.ts'
import { playRaw } from '../testing/raw-answers.ts'

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer({ requestsMax: 0 })
})
afterAll(() => server.close())

const event = (type: string, more: object = {}) => ({ type, ...more })
const start = event('message_start', {
  message: { id: 'm', type: 'message', role: 'assistant', content: [], usage: { input_tokens: 14, output_tokens: 1 } },
})
const block = (index: number, content: object, ...deltas: readonly object[]) => [
  event('content_block_start', { index, content_block: content }),
  ...deltas.map((delta) => event('content_block_delta', { index, delta })),
  event('content_block_stop', { index }),
]
const text = block(0, { type: 'text', text: '' }, { type: 'text_delta', text: 'Six doors.' })
const end = event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 8 } })
const stop = event('message_stop')
const plain = { text: 'Six doors.', toolCalls: [], finishReason: 'stop', usage: { inputTokens: 14, outputTokens: 8 } }

test.each([
  ['an unknown event', [start, event('region_notice', { region: 'north' }), ...text, end, stop]],
  [
    'an unknown block',
    [start, ...text, ...block(1, { type: 'mood', mood: 'calm' }, { type: 'mood_delta', mood: 1 }), end, stop],
  ],
  [
    'an unknown delta',
    [start, text[0], event('content_block_delta', { index: 0, delta: { type: 'blink' } }), ...text.slice(1), end, stop],
  ],
  [
    'no usage in the start, and ids as numbers',
    [
      event('message_start', { message: { id: 5 } }),
      ...text,
      event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { input_tokens: '14', output_tokens: '8' } }),
      stop,
    ],
  ],
  ['a second start', [start, start, ...text, end, stop]],
  ['no end of the block', [start, ...text.slice(0, 2), end, stop]],
  ['no start of the block', [start, ...text.slice(1), end, stop]],
  ['no stop reason', [start, ...text, event('message_delta', { usage: { output_tokens: 8 } }), stop]],
  ['no end mark', [start, ...text, end]],
  ['the end mark of another protocol', [start, ...text, end, '[DONE]']],
  ['an error behind the end', [start, ...text, end, event('error', { error: { type: 'api_error', message: 'x' } })]],
  [
    'a whole message',
    [
      {
        type: 'message',
        content: [{ type: 'text', text: 'Six doors.' }],
        stop_reason: 'end_turn',
        usage: { input_tokens: 14, output_tokens: 8 },
      },
    ],
  ],
])('keeps the text with %s', async (_, events) => {
  expect(await playRaw(server, 'anthropic', { events })).toMatchObject(plain)
})

test('reads a whole message where a stream was asked for', async () => {
  const content = [
    { type: 'thinking', thinking: 'Count.', signature: 'c2ln' },
    { type: 'text', text: 'Six doors.' },
    { type: 'tool_use', id: 't1', name: 'output', input: { message: 'six' } },
  ]
  const whole = {
    type: 'message',
    role: 'assistant',
    content,
    stop_reason: 'tool_use',
    usage: { input_tokens: 14, output_tokens: 8 },
  }
  const raw = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(whole) }
  const answer = await playRaw(server, 'anthropic', raw)
  expect(answer).toMatchObject({
    ...plain,
    finishReason: 'tool-calls',
    toolCalls: [{ id: 't1', name: 'output', argumentsText: '{"message":"six"}' }],
  })
  expect(JSON.stringify(answer.providerData)).toContain('"signature":"c2ln"')
})

test('takes the type of an event from its name', async () => {
  const body = [start, ...text, end, stop].map(
    ({ type, ...data }) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`,
  )
  expect(await playRaw(server, 'anthropic', { body: body.join('') })).toMatchObject(plain)
})

test.each([
  [
    'in its start',
    [
      event('content_block_start', {
        index: 0,
        content_block: { type: 'tool_use', id: 1, name: 'output', input: { message: 'x' } },
      }),
    ],
  ],
  [
    'as an object in a delta',
    block(
      0,
      { type: 'tool_use', id: 't', name: 'output' },
      { type: 'input_json_delta', partial_json: { message: 'x' } },
    ),
  ],
  [
    'both in its start and in deltas',
    block(
      0,
      { type: 'tool_use', id: 't', name: 'output', input: { message: 'x' } },
      { type: 'input_json_delta', partial_json: '{"message":"x"}' },
    ),
  ],
])('reads a call whose input is %s', async (_, events) => {
  const { toolCalls, finishReason } = await playRaw(server, 'anthropic', { events: [start, ...events, stop] })
  expect(toolCalls.map(({ argumentsText }) => argumentsText)).toEqual(['{"message":"x"}'])
  expect(finishReason).toBe('tool-calls')
})

test('tools of the server are noted, and are no calls of the agent', async () => {
  const results = [
    { type: 'web_search_result', url: 'https://b.example/2', title: null, encrypted_content: 'x', more: 1 },
  ]
  const events = [
    start,
    ...block(
      0,
      { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
      { type: 'input_json_delta', partial_json: '{"query":"doors"}' },
    ),
    ...block(1, { type: 'web_search_tool_result', tool_use_id: 's', content: results }),
    ...block(2, { type: 'robot_tool_use', id: 'r', name: 'arm', input: { angle: 4 } }),
    ...block(3, { type: 'robot_tool_result', tool_use_id: 'r', content: { done: true } }),
    ...block(
      4,
      { type: 'text', text: '' },
      { type: 'text_delta', text: 'Six doors.' },
      { type: 'citations_delta', citation: 3 },
    ),
    end,
    stop,
  ]
  expect(await playRaw(server, 'anthropic', { events })).toMatchObject({
    ...plain,
    reading: {
      skipped: {},
      serverTools: [
        { name: 'web_search', query: '{"query":"doors"}', sources: ['https://b.example/2'] },
        { name: 'arm', query: '{"angle":4}', sources: [] },
      ],
    },
  })
})

test('an answer without its end is not whole', async () => {
  expect(await failureOfCall(playRaw(server, 'anthropic', { events: [start, ...text] }))).toMatchObject({
    kind: 'connection',
    retryable: true,
    usage: { inputTokens: 14 },
  })
})
