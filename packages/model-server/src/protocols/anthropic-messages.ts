import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { pieces, type Answer, type AnswerUsage } from '../answer.ts'
import type { Message } from '../conversation.ts'
import { Content, contentText, parseBody, sse, type Protocol } from './protocol.ts'

const Block = Type.Object({
  type: Type.String(),
  text: Type.Optional(Type.String()),
  id: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  input: Type.Optional(Type.Unknown()),
  tool_use_id: Type.Optional(Type.String()),
  content: Type.Optional(Content),
})
type Block = Static<typeof Block>

const ChatMessage = Type.Object({
  role: Type.Union([Type.Literal('user'), Type.Literal('assistant')]),
  content: Type.Union([Type.String(), Type.Array(Block)]),
})

const body = Compile(
  Type.Object({
    model: Type.String({ minLength: 1 }),
    max_tokens: Type.Integer({ minimum: 1 }),
    system: Type.Optional(Content),
    messages: Type.Array(ChatMessage, { minItems: 1 }),
    stream: Type.Optional(Type.Boolean()),
  }),
)

/** Anthropic messages. */
export const anthropicMessages: Protocol = {
  name: 'anthropic',
  parse(value) {
    const request = parseBody(body, value)
    const system: Message[] =
      request.system === undefined ? [] : [{ role: 'system', text: contentText(request.system) }]
    return {
      modelId: request.model,
      stream: request.stream ?? false,
      includeUsage: true,
      messages: [...system, ...toMessages(request.messages)],
    }
  },
  events,
  whole: (answer) => ({
    ...envelope(answer),
    content: wholeContent(answer),
    stop_reason: stopReasons[answer.finishReason],
    usage: { ...toInputUsage(answer.usage), output_tokens: answer.usage.outputTokens },
  }),
  problem: ({ status, message, code }) => ({
    type: 'error',
    error: { type: code ?? problemType(status), message },
    request_id: null,
  }),
  models: (names) => ({
    data: names.map((id) => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' })),
    has_more: false,
    first_id: names[0] ?? null,
    last_id: names.at(-1) ?? null,
  }),
}

const stopReasons = {
  stop: 'end_turn',
  'tool-calls': 'tool_use',
  length: 'max_tokens',
  'content-filter': 'refusal',
} as const
const deltaTypes = {
  thinking: 'thinking_delta',
  signature: 'signature_delta',
  text: 'text_delta',
  partial_json: 'input_json_delta',
} as const
const thinkingSignature = 'c2NyaXB0ZWQ='

function toMessages(messages: readonly Static<typeof ChatMessage>[]): Message[] {
  const toolNames = new Map<string, string>()
  return messages.flatMap((message): Message[] => {
    const blocks: Block[] =
      typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content
    const text = contentText(blocks)
    if (message.role === 'assistant') return [toAssistant(text, blocks, toolNames)]
    const results = blocks
      .filter((block) => block.type === 'tool_result')
      .map((block) => ({
        role: 'tool' as const,
        text: contentText(block.content),
        toolName: toolNames.get(block.tool_use_id ?? '') ?? '',
      }))
    return text === '' && results.length > 0 ? results : [...results, { role: 'user', text }]
  })
}

function toAssistant(text: string, blocks: readonly Block[], toolNames: Map<string, string>): Message {
  const uses = blocks.filter((block) => block.type === 'tool_use')
  for (const use of uses) toolNames.set(use.id ?? '', use.name ?? '')
  return {
    role: 'assistant',
    text,
    toolCalls: uses.map((use) => ({ name: use.name ?? '', argumentsText: JSON.stringify(use.input ?? {}) })),
  }
}

function* events(answer: Answer): Generator<string> {
  yield event('message_start', {
    message: { ...envelope(answer), usage: { ...toInputUsage(answer.usage), output_tokens: 1 } },
  })
  yield event('ping', {})
  let index = 0
  if (answer.thinking !== '') {
    yield event('content_block_start', { index, content_block: { type: 'thinking', thinking: '', signature: '' } })
    yield* deltas(index, 'thinking', pieces(answer.thinking, answer.chunkCharacters))
    yield* deltas(index, 'signature', [thinkingSignature])
    yield event('content_block_stop', { index })
    index += 1
  }
  if (answer.text !== '') {
    yield event('content_block_start', { index, content_block: { type: 'text', text: '' } })
    yield* deltas(index, 'text', pieces(answer.text, answer.chunkCharacters))
    yield event('content_block_stop', { index })
    index += 1
  }
  for (const call of answer.toolCalls) {
    yield event('content_block_start', {
      index,
      content_block: { type: 'tool_use', id: call.id, name: call.name, input: {} },
    })
    yield* deltas(index, 'partial_json', pieces(call.argumentsText, answer.chunkCharacters))
    yield event('content_block_stop', { index })
    index += 1
  }
  yield event('message_delta', {
    delta: { stop_reason: stopReasons[answer.finishReason], stop_sequence: null },
    usage: { output_tokens: answer.usage.outputTokens },
  })
  yield event('message_stop', {})
}

function* deltas(index: number, field: keyof typeof deltaTypes, texts: Iterable<string>): Generator<string> {
  for (const text of texts)
    yield event('content_block_delta', { index, delta: { type: deltaTypes[field], [field]: text } })
}

function event(type: string, data: object): string {
  return sse({ type, ...data }, type)
}

function envelope(answer: Answer): object {
  const head = { id: `msg_${answer.id}`, type: 'message', role: 'assistant', model: answer.modelId }
  return { ...head, content: [], stop_reason: null, stop_sequence: null }
}

function wholeContent(answer: Answer): object[] {
  return [
    ...(answer.thinking === '' ? [] : [{ type: 'thinking', thinking: answer.thinking, signature: thinkingSignature }]),
    ...(answer.text === '' ? [] : [{ type: 'text', text: answer.text }]),
    ...answer.toolCalls.map((call) => ({
      type: 'tool_use',
      id: call.id,
      name: call.name,
      input: parseInput(call.argumentsText),
    })),
  ]
}

// Only a stream can carry invalid JSON; elsewhere the protocol requires an object.
function parseInput(argumentsText: string): unknown {
  try {
    const value: unknown = JSON.parse(argumentsText)
    return value
  } catch {
    return {}
  }
}

function toInputUsage(usage: AnswerUsage): object {
  return {
    input_tokens: usage.inputTokens,
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cacheReadTokens,
  }
}

const problemTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}

function problemType(status: number): string {
  return problemTypes[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
}
