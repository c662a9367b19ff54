import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelApi } from './model-target.ts'
import { step } from './step.ts'
import type { StepAnswer, StepMessage } from './step-message.ts'
import { sendEvents, startRawProvider } from './testing/raw-provider.ts'
import { greeting, outputTool, stepRequest, targetAt, testKey } from './testing/model-calls.ts'

let server: ModelServer
beforeAll(async () => {
  server = await startModelServer({
    apiKey: testKey,
    scenarios: {
      counted: {
        steps: [
          { text: 'ok', usage: { inputTokens: 100, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 4 } },
        ],
      },
      long: { steps: [{ text: 'as far as I', finishReason: 'length' }] },
      filtered: { steps: [{ text: 'I', finishReason: 'content-filter' }] },
      thinker: {
        steps: [
          { thinking: 'Let me see.', text: 'I call.', toolCalls: [{ name: 'output', arguments: { message: 'x' } }] },
          { text: 'Done.' },
        ],
      },
    },
  })
})
afterAll(() => server.close())

const scripted: ModelApi[] = ['openai-compatible', 'openai', 'anthropic', 'google']

function followUp(answer: StepAnswer, result: string, isError = false): StepMessage[] {
  const { text, toolCalls, providerData } = answer
  const results = toolCalls.map((call) => ({
    role: 'tool' as const,
    toolCallId: call.id,
    toolName: call.name,
    text: result,
    isError,
  }))
  return [...greeting, { role: 'assistant', text, toolCalls, providerData }, ...results]
}

const lastBody = () => JSON.stringify(server.requests.last()?.body)

describe.each(scripted)('%s', (api) => {
  const call = (modelId: string, over = {}) => step(targetAt(server.url, modelId, api), stepRequest(over))

  test('streams the text, collects the tool call, and sends the key where the provider looks for it', async () => {
    const deltas: string[] = []
    const answer = await call('hello', { onTextDelta: (text: string) => deltas.push(text) })
    expect(deltas.join('')).toBe('Hello!')
    expect(answer).toMatchObject({ text: 'Hello!', finishReason: 'tool-calls' })
    expect(answer.toolCalls).toEqual([
      { id: expect.stringMatching(/./), name: 'output', argumentsText: '{"message":"Hello from the scripted model."}' },
    ])
    expect(lastBody()).toContain('Returns the result.')
    expect(lastBody()).toContain('You are an agent.')
  })

  test('continues after tool results, and sends those of one step together', async () => {
    const first = await call('many-tools')
    expect(first.toolCalls.map((tool) => tool.argumentsText)).toEqual([
      '{"level":"info","message":"first"}',
      '{"level":"warn","message":"second"}',
      '{"message":"third"}',
    ])
    expect(new Set(first.toolCalls.map((tool) => tool.id)).size).toBe(3)
    const second = await call('many-tools', { messages: followUp(first, 'noted') })
    expect(second).toMatchObject({ text: 'Done.', toolCalls: [], finishReason: 'stop' })
    expect(lastBody().match(/noted/g)).toHaveLength(3)
  })

  test('counts tokens in disjoint buckets', async () => {
    const { usage } = await call('counted')
    const knowsWrites = api === 'anthropic'
    expect(usage).toEqual({
      inputTokens: knowsWrites ? 100 : 104,
      outputTokens: 20,
      cacheReadTokens: 30,
      cacheWriteTokens: knowsWrites ? 4 : 0,
    })
  })

  test('returns the reason why the answer ended', async () => {
    expect((await call('long')).finishReason).toBe('length')
    expect((await call('filtered')).finishReason).toBe('content-filter')
    expect((await call('text-only')).finishReason).toBe('stop')
  })

  test('an input of the run travels through the conversation', async () => {
    const messages = [...greeting, { role: 'user' as const, text: '<input>{"message":"größer","n":[1]}</input>' }]
    const { toolCalls } = await call('echo', { messages })
    expect(JSON.parse(toolCalls[0]?.argumentsText ?? '')).toEqual({ message: 'größer', n: [1] })
  })
})

describe('data that the provider expects back', () => {
  test('reasoning and its signature are sent back to Anthropic in the same place', async () => {
    const target = targetAt(server.url, 'thinker', 'anthropic')
    const first = await step(target, stepRequest())
    expect(first.text).toBe('I call.')
    const journalled: StepAnswer = JSON.parse(JSON.stringify(first))
    await step(target, stepRequest({ messages: followUp(journalled, 'ok') }))
    expect(server.requests.last()?.body).toMatchObject({
      messages: [
        {},
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Let me see.', signature: 'c2NyaXB0ZWQ=' },
            { type: 'text', text: 'I call.' },
            { type: 'tool_use' },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', content: 'ok' }] },
      ],
    })
  })

  test('a thought signature is sent back to Google with its call', async () => {
    const target = targetAt(server.url, 'thinker', 'google')
    const first = await step(target, stepRequest())
    await step(target, stepRequest({ messages: followUp(first, 'ok') }))
    expect(lastBody()).toContain('"thoughtSignature":"c2NyaXB0ZWQ="')
  })

  test('another model receives only the text and the calls', async () => {
    const first = await step(targetAt(server.url, 'thinker', 'anthropic'), stepRequest())
    await step(targetAt(server.url, 'thinker', 'openai'), stepRequest({ messages: followUp(first, 'ok') }))
    expect(lastBody()).toContain('I call.')
    expect(lastBody()).not.toContain('Let me see.')
  })

  test('there is none for a plain answer', async () => {
    expect((await step(targetAt(server.url, 'hello', 'anthropic'), stepRequest())).providerData).toBeUndefined()
  })
})

describe('arguments', () => {
  test.each(['openai-compatible', 'openai', 'anthropic'] as const)(
    '%s: invalid JSON is returned as text, and sent back inside an object',
    async (api) => {
      const target = targetAt(server.url, 'bad-arguments', api)
      const first = await step(target, stepRequest())
      expect(first.toolCalls[0]?.argumentsText).toBe('{"message": "half')
      const second = await step(target, stepRequest({ messages: followUp(first, 'not JSON', true) }))
      expect(second.toolCalls[0]?.argumentsText).toBe('{"message":"whole"}')
      expect(lastBody()).toContain('invalidArguments')
    },
  )

  test('digits beyond the precision of a number stay as the model wrote them', async () => {
    const toolCalls = [{ id: 'c1', name: 'output', argumentsText: '{"id": 12345678901234567890}' }]
    const messages: StepMessage[] = [
      ...greeting,
      { role: 'assistant', text: '', toolCalls },
      { role: 'tool', toolCallId: 'c1', toolName: 'output', text: 'ok', isError: false },
    ]
    await step(targetAt(server.url, 'text-only'), stepRequest({ messages }))
    expect(lastBody()).toContain('12345678901234567890')
  })

  test('calls that share an id get different ids', async () => {
    const toolCall = (index: number) => ({
      index,
      id: 'same',
      type: 'function',
      function: { name: 'output', arguments: `{"n":${index}}` },
    })
    const provider = await startRawProvider((reply) =>
      sendEvents(reply, [
        { choices: [{ delta: { tool_calls: [toolCall(0), toolCall(1)] } }] },
        { choices: [{ delta: {}, finish_reason: 'stop' }] },
      ]),
    )
    try {
      const answer = await step(targetAt(provider.url, 'm'), stepRequest())
      expect(answer.finishReason).toBe('tool-calls')
      expect(answer.toolCalls.map((call) => call.argumentsText)).toEqual(['{"n":0}', '{"n":1}'])
      expect(new Set(answer.toolCalls.map((call) => call.id)).size).toBe(2)
    } finally {
      await provider.close()
    }
  })
})

test('Anthropic is asked to cache the part that every step repeats', async () => {
  await step(targetAt(server.url, 'text-only', 'anthropic'), stepRequest())
  expect(lastBody().match(/"cache_control":\{"type":"ephemeral"\}/g)).toHaveLength(2)
})

test('the maximum of output tokens is sent, tools only when there are any', async () => {
  await step({ ...targetAt(server.url, 'text-only'), maxOutputTokens: 77 }, stepRequest({ tools: [] }))
  expect(server.requests.last()?.body).toMatchObject({
    max_tokens: 77,
    stream: true,
    stream_options: { include_usage: true },
  })
  expect(lastBody()).not.toContain('"tools"')
})

test('Mistral: text, tool call, usage, and ids that it accepts', async () => {
  const chunk = (delta: object, more = {}) => ({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: null, ...more }],
  })
  const provider = await startRawProvider((reply) =>
    sendEvents(reply, [
      chunk({ role: 'assistant', content: 'Sal' }),
      chunk({ content: 'ut' }),
      chunk({
        content: '',
        tool_calls: [{ id: 'aB3dE6gH9', index: 0, function: { name: 'output', arguments: '{"message":"x"}' } }],
      }),
      {
        ...chunk({ content: '' }, { finish_reason: 'tool_calls' }),
        usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13, num_cached_tokens: 2 },
      },
      'data: [DONE]\n\n',
    ]),
  )
  try {
    const target = targetAt(provider.url, 'mistral-small', 'mistral')
    const messages: StepMessage[] = [
      ...greeting,
      { role: 'assistant', text: '', toolCalls: [{ id: 'call_from_elsewhere', name: 'output', argumentsText: '{}' }] },
      { role: 'tool', toolCallId: 'call_from_elsewhere', toolName: 'output', text: 'ok', isError: false },
    ]
    const answer = await step(target, stepRequest({ messages, tools: [outputTool] }))
    expect(answer).toMatchObject({
      text: 'Salut',
      finishReason: 'tool-calls',
      toolCalls: [{ id: 'aB3dE6gH9', name: 'output', argumentsText: '{"message":"x"}' }],
    })
    expect(answer.usage).toEqual({ inputTokens: 7, outputTokens: 4, cacheReadTokens: 2, cacheWriteTokens: 0 })
    expect(provider.seen[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: `Bearer ${testKey}` },
    })
    const ids = [...(provider.seen[0]?.body.matchAll(/"(?:tool_call_)?id":"([^"]*)"/g) ?? [])].map((match) => match[1])
    expect(ids).toEqual([expect.stringMatching(/^[A-Za-z0-9]{9}$/), ids[0]])
  } finally {
    await provider.close()
  }
})
