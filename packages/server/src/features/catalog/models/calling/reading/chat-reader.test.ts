import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failureOfCall } from '../testing/model-calls.ts'
import { playRaw, type RawReply } from '../testing/raw-answers.ts'

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer({ requestsMax: 0 })
})
afterAll(() => server.close())

const json = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const piece = (delta: object, finish: string | null = null, more = {}) =>
  json({ id: 'q7', choices: [{ index: 0, delta, finish_reason: finish, ...more }] })
const said = piece({ role: 'assistant', content: 'Nine crates.' })
const over = piece({}, 'stop')
const done = 'data: [DONE]\n\n'
const usage = (counts: unknown) => json({ id: 'q7', choices: [], usage: counts })
const counts = { prompt_tokens: 21, completion_tokens: 6 }
const counted = { inputTokens: 21, outputTokens: 6, cacheReadTokens: 0, cacheWriteTokens: 0 }
const call = (more: object) => ({ index: 0, id: 'c9', type: 'function', function: { name: 'output' }, ...more })
const argumentsOf = (value: unknown) => call({ function: { name: 'output', arguments: value } })

const texts: readonly (readonly [string, string])[] = [
  ['no finish reason before the end mark', said + piece({ content: '' }) + usage(counts) + done],
  ['usage without choices', said + over + json({ usage: counts }) + done],
  ['usage with choices of null', said + over + json({ choices: null, usage: counts }) + done],
  ['counts as text', said + over + usage({ prompt_tokens: '21', completion_tokens: ' 6 ' }) + done],
  [
    'another role in a later piece',
    piece({ content: 'Nine ' }) + piece({ role: 'user', content: 'crates.' }) + over + usage(counts) + done,
  ],
  [
    'empty data and an empty object',
    `data: \n\n${said}event: ping\ndata: {}\n\n${over}${usage(counts)}data: [DONE] \n\n`,
  ],
  ['no line end after the last event', (said + usage(counts) + over).trimEnd()],
  ['an event that is cut', `${said}data: {"id":"q7","cho\n\n${over}${usage(counts)}${done}`],
  [
    'texts, numbers and lists as events',
    `data: hold on\n\ndata: 7\n\ndata: [1]\n\n${said}data: "x"\n\n${over}${usage(counts)}${done}`,
  ],
  [
    'an object of another server',
    `${json({ object: 'queue.position', message: 'You are third.' })}${said}${over}${usage(counts)}${done}`,
  ],
  [
    'ids and times of other types',
    json({
      id: 7,
      created: 'now',
      model: 4,
      choices: [{ index: '0', delta: { content: 'Nine crates.' }, logprobs: 'none', finish_reason: null }],
    }) +
      over +
      usage(counts) +
      done,
  ],
  [
    'an error that is null or empty',
    json({ error: null, choices: [{ delta: { content: 'Nine crates.' } }] }) +
      json({ error: { message: '' }, choices: [] }) +
      over +
      usage(counts) +
      done,
  ],
  [
    'an error behind the answer',
    said + over + usage(counts) + json({ error: { message: 'Could not write statistics.' } }) + done,
  ],
  ['junk behind the end mark', `${said}${over}${usage(counts)}${done}<html>`],
  [
    'parts as content',
    piece({
      content: [
        { type: 'text', text: 'Nine ' },
        { type: 'output_text', text: { value: 'crates.' } },
        { type: 'image' },
      ],
    }) +
      over +
      usage(counts) +
      done,
  ],
  [
    'a choice that is no list',
    json({ choices: { delta: { content: 'Nine crates.' }, finish_reason: 'stop' }, usage: counts }) + done,
  ],
  [
    'the whole message again at the end',
    said +
      json({
        choices: [{ index: 0, delta: {}, message: { content: 'Nine crates.' }, finish_reason: 'stop' }],
        usage: counts,
      }) +
      done,
  ],
  ['usage of Groq', said + over + json({ choices: [], x_groq: { usage: counts } }) + done],
  ['zeros behind the usage', said + usage(counts) + over + usage({ prompt_tokens: 0, completion_tokens: 0 }) + done],
  ['no blank lines', (said + over + usage(counts) + done).replaceAll('\n\n', '\n')],
  ['reasons in the words of others', said + piece({}, 'END_TURN') + usage(counts) + done],
  [
    'a byte order mark and line ends of Windows',
    `\ufeff${(said + over + usage(counts) + done).replaceAll('\n', '\r\n')}`,
  ],
]

describe.each(['openai-compatible', 'openai', 'mistral'] as const)('%s', (api) => {
  test.each(texts)('keeps the text with %s', async (_, body) => {
    const answer = await playRaw(server, api, { body })
    expect(answer).toMatchObject({ text: 'Nine crates.', toolCalls: [], finishReason: 'stop', usage: counted })
  })

  test.each([
    ['an object as arguments', [argumentsOf({ message: 'x' })]],
    ['an object, then nothing', [argumentsOf({ message: 'x' }), { index: 0, function: { arguments: null } }]],
    ['an empty object before the pieces', [argumentsOf({}), { index: 0, function: { arguments: '{"message":"x"}' } }]],
    [
      'null, then pieces',
      [
        argumentsOf(null),
        { index: '0', function: { arguments: '{"message":' } },
        { index: 0, function: { arguments: '"x"}' } },
      ],
    ],
    ['no position', [{ ...argumentsOf('{"message":'), index: undefined }, { function: { arguments: '"x"}' } }]],
    [
      'the name after the arguments',
      [
        { index: 0, id: 'c9', function: { arguments: '{"message":"x"}' } },
        { index: 0, function: { name: 'output' } },
      ],
    ],
    ['a number as id', [{ ...argumentsOf('{"message":"x"}'), id: 9 }]],
    ['a type of its own', [{ ...argumentsOf('{"message":"x"}'), type: 'tool' }]],
    ['its fields without a function', [{ name: 'output', arguments: { message: 'x' } }]],
  ])('reads a tool call with %s', async (_, pieces) => {
    const body = pieces.map((each) => piece({ content: null, tool_calls: [each] })).join('') + done
    const { toolCalls, finishReason } = await playRaw(server, api, { body })
    expect(toolCalls.map(({ name, argumentsText }) => [name, JSON.parse(argumentsText)])).toEqual([
      ['output', { message: 'x' }],
    ])
    expect(finishReason).toBe('tool-calls')
  })

  test('keeps the digits of numbers in arguments that are an object', async () => {
    const body = piece({ tool_calls: [argumentsOf({ message: '@' })] }).replace('"@"', '9007199254740993.5') + done
    const { toolCalls } = await playRaw(server, api, { body })
    expect(toolCalls.map(({ argumentsText }) => argumentsText)).toEqual(['{"message":9007199254740993.5}'])
  })

  test('tells calls apart that share a position, and keeps one that has no name', async () => {
    const body =
      piece({ tool_calls: [{ ...argumentsOf('{"message":"a"}'), id: 'a' }] }) +
      piece({ tool_calls: [{ ...argumentsOf('{"message":"b"}'), id: 'b' }] }) +
      piece({ tool_calls: [{ index: 2, function: { arguments: '{}' } }] }, 'tool_calls') +
      done
    const { toolCalls } = await playRaw(server, api, { body })
    expect(toolCalls.map(({ id, name, argumentsText }) => [id, name, argumentsText])).toEqual([
      ['a', 'output', '{"message":"a"}'],
      ['b', 'output', '{"message":"b"}'],
      [expect.stringMatching(/./), 'unnamed', '{}'],
    ])
  })

  test('reads a whole completion where a stream was asked for', async () => {
    const message = { role: 'assistant', content: 'Nine crates.', tool_calls: [argumentsOf({ message: 'x' })] }
    const whole = {
      id: 'q7',
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage: counts,
    }
    for (const type of ['application/json', 'text/event-stream']) {
      const raw = { headers: { 'content-type': type }, body: `\n\n${JSON.stringify(whole, null, 1)}` }
      expect(await playRaw(server, api, raw)).toMatchObject({
        text: 'Nine crates.',
        finishReason: 'tool-calls',
        usage: counted,
        toolCalls: [{ name: 'output', argumentsText: '{"message":"x"}' }],
      })
    }
  })

  test('an answer that is broken off is not whole, with or without its last line', async () => {
    for (const raw of [{ body: said }, { body: said + over.slice(0, -20) }, { body: said + over, cutAfterBytes: 30 }]) {
      expect(await failureOfCall(playRaw(server, api, raw))).toMatchObject({ kind: 'connection', retryable: true })
    }
    const cut: RawReply = { body: said + over, cutAfterBytes: said.length + over.length }
    expect(await playRaw(server, api, cut)).toMatchObject({ text: 'Nine crates.' })
  })

  test('says how much was passed over', async () => {
    const notice = json({ object: 'queue.position', message: 'Third.' })
    const body = `data: hold on\n\n${notice}${notice}${said}${over}${done}`
    const { reading } = await playRaw(server, api, { body })
    expect(reading?.skipped).toEqual({ 'event queue.position': 2, 'event that is no JSON': 1 })
    expect((await playRaw(server, api, { body: said + over + done })).reading).toBeUndefined()
  })
})

test('a tool of the server is no call of the agent', async () => {
  const searched = {
    index: 0,
    id: 's1',
    type: 'web_search',
    function: { name: '$web_search', arguments: '{"q":"ports"}' },
  }
  const note = { annotations: [{ type: 'url_citation', url_citation: { url: 'https://a.example/1' } }] }
  const body = piece({ tool_calls: [searched] }) + piece({ content: 'Nine crates.', ...note }) + over + done
  expect(await playRaw(server, 'openai-compatible', { body })).toMatchObject({
    text: 'Nine crates.',
    toolCalls: [],
    finishReason: 'stop',
    reading: { serverTools: [{ name: '$web_search', query: '{"q":"ports"}', sources: ['https://a.example/1'] }] },
  })
})

test.each([
  [
    'beside the output',
    {
      prompt_tokens: 30,
      completion_tokens: 2,
      total_tokens: 432,
      completion_tokens_details: { reasoning_tokens: 400 },
    },
    [30, 402, 0],
  ],
  [
    'within the output',
    {
      prompt_tokens: 30,
      completion_tokens: 402,
      total_tokens: 432,
      completion_tokens_details: { reasoning_tokens: 400 },
    },
    [30, 402, 0],
  ],
  [
    'beside, with cached tokens beside too',
    {
      prompt_tokens: 30,
      completion_tokens: 2,
      total_tokens: 442,
      prompt_tokens_details: { cached_tokens: 10 },
      completion_tokens_details: { reasoning_tokens: 400 },
    },
    [30, 402, 10],
  ],
  ['hidden', { prompt_tokens: 30, completion_tokens: 2, total_tokens: 132 }, [30, 102, 0]],
  [
    'without a total',
    {
      prompt_tokens: 30,
      completion_tokens: 402,
      prompt_cache_hit_tokens: 10,
      completion_tokens_details: { reasoning_tokens: 400 },
    },
    [20, 402, 10],
  ],
])('counts reasoning %s', async (_, reported, [inputTokens, outputTokens, cacheReadTokens]) => {
  const answer = await playRaw(server, 'openai-compatible', { body: said + over + usage(reported) + done })
  expect(answer.usage).toEqual({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens: 0 })
})

test('keeps the usage of an answer that is broken off', async () => {
  const body = said + usage(counts)
  expect(await failureOfCall(playRaw(server, 'openai-compatible', { body }))).toMatchObject({ usage: counted })
})
