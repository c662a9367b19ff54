import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { failureOfCall } from '../testing/model-calls.ts'
import { playRaw } from '../testing/raw-answers.ts'

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer({ requestsMax: 0 })
})
afterAll(() => server.close())

const part = (...parts: readonly unknown[]) => ({ candidates: [{ content: { role: 'model', parts }, index: 0 }] })
const usageMetadata = { promptTokenCount: 11, candidatesTokenCount: 4, totalTokenCount: 15 }
const end = { candidates: [{ content: {}, finishReason: 'STOP' }], usageMetadata }
const plain = { text: 'Two keys.', toolCalls: [], finishReason: 'stop', usage: { inputTokens: 11, outputTokens: 4 } }

test.each([
  ['parts of unknown kinds', [part({ text: 'Two ' }, { hologram: 1 }, { text: 'keys.' }), end]],
  ['a part that is no list', [{ candidates: [{ content: { parts: { text: 'Two keys.' } } }] }, end]],
  ['events without candidates', [{ queue: 3 }, part({ text: 'Two keys.' }), {}, end]],
  [
    'a reason that gives none in each event',
    [
      { candidates: [{ ...part({ text: 'Two keys.' }).candidates[0], finishReason: 'FINISH_REASON_UNSPECIFIED' }] },
      end,
    ],
  ],
  [
    'fields of other types',
    [
      { ...part({ text: 'Two keys.', thoughtSignature: 7 }), safety: [1] },
      {
        candidates: [{ finishReason: 'STOP', safetyRatings: 'none', groundingMetadata: [] }],
        usageMetadata: { promptTokenCount: '11', candidatesTokenCount: '4' },
      },
    ],
  ],
  ['an envelope', [{ response: part({ text: 'Two keys.' }) }, { response: end }]],
  ['the end mark of another protocol', [part({ text: 'Two keys.' }), { usageMetadata }, '[DONE]']],
  [
    'thoughts within the output',
    [part({ text: 'Two keys.' }), { ...end, usageMetadata: { ...usageMetadata, thoughtsTokenCount: 3 } }],
  ],
  [
    'thoughts beside the output',
    [
      part({ text: 'Two keys.' }),
      {
        ...end,
        usageMetadata: { promptTokenCount: 11, candidatesTokenCount: 1, thoughtsTokenCount: 3, totalTokenCount: 15 },
      },
    ],
  ],
])('keeps the text with %s', async (_, events) => {
  expect(await playRaw(server, 'google', { events })).toMatchObject(plain)
})

test('reads a list of events, and a single one, where a stream was asked for', async () => {
  const headers = { 'content-type': 'application/json; charset=UTF-8' }
  const whole = { candidates: [{ ...part({ text: 'Two keys.' }).candidates[0], finishReason: 'STOP' }], usageMetadata }
  for (const value of [[part({ text: 'Two keys.' }), end], whole])
    expect(await playRaw(server, 'google', { headers, body: JSON.stringify(value, null, 2) })).toMatchObject(plain)
})

test.each([
  ['null', { name: 'output', args: null }, {}],
  ['a text', { name: 'output', args: '{"message":"x"}', id: 4 }, { message: 'x' }],
  ['an object', { name: 'output', args: { message: 'x' } }, { message: 'x' }],
])('reads a call whose arguments are %s', async (_, functionCall, expected) => {
  const { toolCalls } = await playRaw(server, 'google', { events: [part({ functionCall }), end] })
  expect(toolCalls.map(({ argumentsText }) => JSON.parse(argumentsText))).toEqual([expected])
})

test('keeps the digits of numbers, and names that a package refuses', async () => {
  const args = '{"n":[12345678901234567890,0.1234567890123456789,1e3],"__proto__":{"constructor":{"prototype":1}}}'
  const event = JSON.stringify({ ...part({ functionCall: { name: 'output', args: '@' } }) }).replace('"@"', args)
  const body = `data: ${event}\n\ndata: ${JSON.stringify(end)}\n\n`
  const { toolCalls } = await playRaw(server, 'google', { body })
  expect(toolCalls.map(({ argumentsText }) => argumentsText)).toEqual([args.replace('1e3', '1000')])
})

test('puts arguments together that arrive in pieces', async () => {
  const more = (jsonPath: string, value: object, continues = false) =>
    part({
      functionCall: {
        partialArgs: [{ jsonPath, ...value, ...(continues ? { willContinue: true } : {}) }],
        willContinue: true,
      },
    })
  const events = [
    part({ functionCall: { name: 'output', willContinue: true } }),
    more('$.list[0].name', { stringValue: 'Ka' }, true),
    more('$.list[0].name', { stringValue: 'te' }),
    more("$.list[1]['full name']", { boolValue: true }),
    more('$.__proto__.x', { numberValue: 1 }),
    part({ functionCall: {} }),
    end,
  ]
  const { toolCalls } = await playRaw(server, 'google', { events })
  const expected = '{"list":[{"name":"Kate"},{"full name":true}],"__proto__":{"x":1}}'
  expect(toolCalls.map(({ argumentsText }) => argumentsText)).toEqual([expected])
})

test('tools of the server are noted, and are no calls of the agent', async () => {
  const events = [
    part({ executableCode: { language: 'PYTHON', code: '1+1' } }, { codeExecutionResult: { outcome: 'OK' } }),
    part({ toolCall: { toolType: 'MAPS', args: { q: 'keys' } } }, { text: 'Two keys.' }),
    {
      candidates: [
        {
          finishReason: 'STOP',
          groundingMetadata: { webSearchQueries: ['keys'], groundingChunks: [{ web: { uri: 'https://c.example' } }] },
        },
      ],
      usageMetadata,
    },
  ]
  const { reading, ...answer } = await playRaw(server, 'google', { events })
  expect(answer).toMatchObject(plain)
  expect(reading?.serverTools).toEqual([
    { name: 'code_execution', query: '1+1', sources: [] },
    { name: 'MAPS', query: '{"q":"keys"}', sources: [] },
    { name: 'google_search', query: 'keys', sources: ['https://c.example'] },
  ])
})

test('a blocked prompt is an answer of the content filter; an answer without a reason is not whole', async () => {
  const blocked = { events: [{ promptFeedback: { blockReason: 'SAFETY', other: {} }, usageMetadata }] }
  expect(await playRaw(server, 'google', blocked)).toMatchObject({ text: '', finishReason: 'content-filter' })
  const cut = playRaw(server, 'google', { events: [part({ text: 'Two keys.' })] })
  expect(await failureOfCall(cut)).toMatchObject({ kind: 'connection', retryable: true })
})
