import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { pieces, type Answer, type AnswerUsage } from '../answer.ts'
import type { Message } from '../conversation.ts'
import { parseBody, sse, type Protocol } from './protocol.ts'

const Part = Type.Object({
  text: Type.Optional(Type.String()),
  thought: Type.Optional(Type.Boolean()),
  functionCall: Type.Optional(Type.Object({ name: Type.String(), args: Type.Optional(Type.Unknown()) })),
  functionResponse: Type.Optional(Type.Object({ name: Type.String(), response: Type.Unknown() })),
})
type Part = Static<typeof Part>

const Turn = Type.Object({ role: Type.Optional(Type.String()), parts: Type.Array(Part) })

const body = Compile(
  Type.Object({ systemInstruction: Type.Optional(Turn), contents: Type.Array(Turn, { minItems: 1 }) }),
)

/** Google generateContent and streamGenerateContent. */
export const googleGenerate: Protocol = {
  name: 'google',
  parse(value, inPath) {
    const request = parseBody(body, value)
    const system: Message[] = request.systemInstruction
      ? [{ role: 'system', text: partsText(request.systemInstruction.parts) }]
      : []
    return { ...inPath, includeUsage: true, messages: [...system, ...request.contents.flatMap(toMessages)] }
  },
  events,
  whole: (answer) => response(answer, answerParts(answer), true),
  problem: ({ status, message }) => ({
    error: { code: status, message, status: problemStatuses[status] ?? 'INTERNAL' },
  }),
  models: (names) => ({
    models: names.map((id) => ({
      name: `models/${id}`,
      displayName: id,
      supportedGenerationMethods: ['generateContent'],
    })),
  }),
}

const finishReasons = { stop: 'STOP', 'tool-calls': 'STOP', length: 'MAX_TOKENS', 'content-filter': 'SAFETY' } as const
const problemStatuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
}

function toMessages(turn: Static<typeof Turn>): Message[] {
  const text = partsText(turn.parts)
  if (turn.role === 'model') {
    const calls = turn.parts.flatMap((part) => part.functionCall ?? [])
    const toolCalls = calls.map((call) => ({ name: call.name, argumentsText: JSON.stringify(call.args ?? {}) }))
    return [{ role: 'assistant', text, toolCalls }]
  }
  const results = turn.parts
    .flatMap((part) => part.functionResponse ?? [])
    .map((result) => ({ role: 'tool' as const, toolName: result.name, text: resultText(result.response) }))
  return text === '' && results.length > 0 ? results : [...results, { role: 'user', text }]
}

function partsText(parts: readonly Part[]): string {
  return parts.map((part) => (part.thought === true ? '' : (part.text ?? ''))).join('')
}

function resultText(result: unknown): string {
  const content = typeof result === 'object' && result !== null && 'content' in result ? result.content : result
  return typeof content === 'string' ? content : JSON.stringify(content)
}

function* events(answer: Answer): Generator<string> {
  const parts = answerParts(answer)
  for (const [index, part] of parts.entries()) yield sse(response(answer, [part], index === parts.length - 1))
  if (parts.length === 0) yield sse(response(answer, [], true))
}

function answerParts(answer: Answer): object[] {
  return [
    ...[...pieces(answer.thinking, answer.chunkCharacters)].map((text) => ({ text, thought: true })),
    ...[...pieces(answer.text, answer.chunkCharacters)].map((text) => ({ text })),
    ...answer.toolCalls.map((call) => ({
      functionCall: { name: call.name, args: parseArguments(call.argumentsText) },
      ...(answer.thinking === '' ? {} : { thoughtSignature: 'c2NyaXB0ZWQ=' }),
    })),
  ]
}

// The protocol encodes arguments as an object, so it cannot carry invalid JSON.
function parseArguments(argumentsText: string): unknown {
  try {
    const value: unknown = JSON.parse(argumentsText)
    return value
  } catch {
    return {}
  }
}

function response(answer: Answer, parts: readonly object[], isLast: boolean): object {
  return {
    candidates: [
      {
        index: 0,
        content: { role: 'model', parts },
        ...(isLast ? { finishReason: finishReasons[answer.finishReason] } : {}),
      },
    ],
    usageMetadata: toWireUsage(answer.usage),
    modelVersion: answer.modelId,
    responseId: answer.id,
  }
}

function toWireUsage(usage: AnswerUsage): object {
  const prompt = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
  return {
    promptTokenCount: prompt,
    cachedContentTokenCount: usage.cacheReadTokens,
    candidatesTokenCount: usage.outputTokens,
    totalTokenCount: prompt + usage.outputTokens,
  }
}
