import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { pieces, type Answer, type AnswerUsage } from '../answer.ts'
import type { Message } from '../conversation.ts'
import { Content, contentText, parseBody, sse, type ModelRequest, type Protocol } from './protocol.ts'

const ToolCall = Type.Object({
  id: Type.String(),
  type: Type.Literal('function'),
  function: Type.Object({ name: Type.String(), arguments: Type.String() }),
})

const ChatMessage = Type.Union([
  Type.Object({
    role: Type.Union([Type.Literal('system'), Type.Literal('developer'), Type.Literal('user')]),
    content: Content,
  }),
  Type.Object({
    role: Type.Literal('assistant'),
    content: Type.Optional(Content),
    tool_calls: Type.Optional(Type.Array(ToolCall)),
  }),
  Type.Object({ role: Type.Literal('tool'), tool_call_id: Type.String(), content: Content }),
])

const body = Compile(
  Type.Object({
    model: Type.String({ minLength: 1 }),
    messages: Type.Array(ChatMessage, { minItems: 1 }),
    stream: Type.Optional(Type.Boolean()),
    stream_options: Type.Optional(Type.Object({ include_usage: Type.Optional(Type.Boolean()) })),
  }),
)

/** OpenAI chat completions. */
export const openAiChat: Protocol = {
  name: 'openai',
  parse(value) {
    const request = parseBody(body, value)
    return {
      modelId: request.model,
      stream: request.stream ?? false,
      includeUsage: request.stream_options?.include_usage ?? false,
      messages: toMessages(request.messages),
    }
  },
  events,
  whole: (answer) => ({
    ...envelope(answer, 'chat.completion'),
    choices: [
      { index: 0, message: wholeMessage(answer), logprobs: null, finish_reason: finishReasons[answer.finishReason] },
    ],
    usage: toWireUsage(answer.usage),
  }),
  problem: ({ status, message, code }) => ({
    error: { message, type: problemType(status), param: null, code: code ?? null },
  }),
  models: (names) => ({
    object: 'list',
    data: names.map((id) => ({ id, object: 'model', created, owned_by: 'scenarios' })),
  }),
}

const created = 1_767_225_600
const finishReasons = {
  stop: 'stop',
  'tool-calls': 'tool_calls',
  length: 'length',
  'content-filter': 'content_filter',
} as const

function toMessages(messages: readonly Static<typeof ChatMessage>[]): Message[] {
  const toolNames = new Map<string, string>()
  return messages.map((message): Message => {
    const text = contentText(message.content)
    if (message.role === 'tool') return { role: 'tool', text, toolName: toolNames.get(message.tool_call_id) ?? '' }
    if (message.role !== 'assistant') return { role: message.role === 'user' ? 'user' : 'system', text }
    const calls = message.tool_calls ?? []
    for (const call of calls) toolNames.set(call.id, call.function.name)
    return {
      role: 'assistant',
      text,
      toolCalls: calls.map((call) => ({ name: call.function.name, argumentsText: call.function.arguments })),
    }
  })
}

function* events(answer: Answer, request: ModelRequest): Generator<string> {
  const chunk = (delta: object, finishReason: string | null = null): string =>
    sse({
      ...envelope(answer, 'chat.completion.chunk'),
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...(request.includeUsage ? { usage: null } : {}),
    })
  yield chunk({ role: 'assistant', content: '', refusal: null })
  for (const piece of pieces(answer.thinking, answer.chunkCharacters)) yield chunk({ reasoning_content: piece })
  for (const piece of pieces(answer.text, answer.chunkCharacters)) yield chunk({ content: piece })
  for (const [index, call] of answer.toolCalls.entries()) {
    yield chunk({
      tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }],
    })
    for (const piece of pieces(call.argumentsText, answer.chunkCharacters)) {
      yield chunk({ tool_calls: [{ index, function: { arguments: piece } }] })
    }
  }
  yield chunk({}, finishReasons[answer.finishReason])
  if (request.includeUsage) {
    yield sse({ ...envelope(answer, 'chat.completion.chunk'), choices: [], usage: toWireUsage(answer.usage) })
  }
  yield 'data: [DONE]\n\n'
}

function envelope(answer: Answer, object: string): object {
  return { id: `chatcmpl-${answer.id}`, object, created, model: answer.modelId, system_fingerprint: null }
}

function wholeMessage(answer: Answer): object {
  const calls = answer.toolCalls.map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.argumentsText },
  }))
  return {
    role: 'assistant',
    content: answer.text === '' ? null : answer.text,
    refusal: null,
    ...(answer.thinking === '' ? {} : { reasoning_content: answer.thinking }),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  }
}

// The protocol has no field for cache writes: they are part of the prompt.
function toWireUsage(usage: AnswerUsage): object {
  const prompt = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
  return {
    prompt_tokens: prompt,
    completion_tokens: usage.outputTokens,
    total_tokens: prompt + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cacheReadTokens },
    completion_tokens_details: { reasoning_tokens: 0 },
  }
}

function problemType(status: number): string {
  if (status === 429) return 'rate_limit_error'
  if (status === 401) return 'authentication_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}
