import { createHash } from 'node:crypto'
import type {
  LanguageModelV4FunctionTool,
  LanguageModelV4Message,
  LanguageModelV4ToolCallPart,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider'
import { parseCallArguments } from './json-shape.ts'
import type { ModelApi, ModelTarget } from './model-target.ts'
import { findAnswerParts, toProviderOptions, type AnswerPart, type AssistantContent } from './provider-data.ts'
import type { JsonSchemaObject, StepMessage, ToolCall, ToolSpec } from './step-message.ts'

/** Converts the conversation for the provider packages. */
export function toPrompt(target: ModelTarget, messages: readonly StepMessage[]): LanguageModelV4Message[] {
  const prompt: LanguageModelV4Message[] = []
  for (const message of messages) append(prompt, target, message)
  if (target.api === 'anthropic') markCacheable(prompt)
  return prompt
}

function append(prompt: LanguageModelV4Message[], target: ModelTarget, message: StepMessage): void {
  const previous = prompt.at(-1)
  switch (message.role) {
    case 'system':
      prompt.push({ role: 'system', content: message.text })
      break
    case 'user':
      prompt.push({ role: 'user', content: [{ type: 'text', text: visibleText(message.text) }] })
      break
    case 'assistant':
      prompt.push(...assistantMessage(target, message))
      break
    case 'tool':
      // Results of one step belong together: some providers want exactly one message after the calls.
      if (previous?.role === 'tool') previous.content.push(toResultPart(target.api, message))
      else prompt.push({ role: 'tool', content: [toResultPart(target.api, message)] })
  }
}

/** Converts the tools for the provider packages. */
export function toTools(tools: readonly ToolSpec[]): LanguageModelV4FunctionTool[] {
  return tools.flatMap(({ name, description, parameters }) =>
    isInputSchema(parameters) ? [{ type: 'function' as const, name, description, inputSchema: parameters }] : [],
  )
}

// The provider checks the keywords of the schema; the type here only requires an object.
function isInputSchema(
  schema: JsonSchemaObject,
): schema is JsonSchemaObject & LanguageModelV4FunctionTool['inputSchema'] {
  return typeof schema === 'object'
}

/** What stands for a text without visible characters, which some providers refuse. */
const noText = '(empty)'

function visibleText(text: string): string {
  return text.trim() === '' ? noText : text
}

type AssistantMessage = Extract<StepMessage, { role: 'assistant' }>

function assistantMessage(target: ModelTarget, message: AssistantMessage): LanguageModelV4Message[] {
  const parts = findAnswerParts(target, message) ?? plainParts(message)
  const calls = new Map(message.toolCalls.map((call) => [call.id, call]))
  let textStart = 0
  const content = parts.flatMap((part): AssistantContent => {
    const options = toProviderOptions(part.options)
    if (part.type === 'reasoning') return [{ type: 'reasoning', text: part.text, ...options }]
    if (part.type === 'text') {
      const text = message.text.slice(textStart, textStart + part.length)
      textStart += part.length
      return text.trim() === '' ? [] : [{ type: 'text', text, ...options }]
    }
    const call = calls.get(part.id)
    return call === undefined ? [] : [{ ...toCallPart(target.api, call), ...options }]
  })
  return content.length === 0 ? [] : [{ role: 'assistant', content }]
}

function plainParts(message: AssistantMessage): AnswerPart[] {
  return [
    { type: 'text', length: message.text.length },
    ...message.toolCalls.map(({ id }) => ({ type: 'tool-call' as const, id })),
  ]
}

function toCallPart(api: ModelApi, call: ToolCall): LanguageModelV4ToolCallPart {
  return {
    type: 'tool-call',
    toolCallId: wireId(api, call.id),
    toolName: call.name,
    input: toInput(api, call.argumentsText),
  }
}

function toResultPart(api: ModelApi, message: Extract<StepMessage, { role: 'tool' }>): LanguageModelV4ToolResultPart {
  return {
    type: 'tool-result',
    toolCallId: wireId(api, message.toolCallId),
    toolName: message.toolName,
    output: { type: message.isError ? 'error-text' : 'text', value: visibleText(message.text) },
  }
}

// Every provider requires an object here, so invalid JSON is sent back inside one.
function toInput(api: ModelApi, argumentsText: string): unknown {
  const parsed = parseCallArguments(argumentsText)
  if (parsed === undefined) return { invalidArguments: argumentsText }
  // These two APIs pass text on unchanged, which keeps digits that a number would lose.
  return argumentsText.trim() !== '' && (api === 'openai' || api === 'openai-compatible') ? argumentsText : parsed
}

// A run can change its model between two steps, and providers reject ids in another provider's format.
function wireId(api: ModelApi, id: string): string {
  if (api === 'anthropic') return id.replace(/[^\w-]/g, '_')
  if (api !== 'mistral' || /^[A-Za-z0-9]{9}$/.test(id)) return id
  return createHash('sha256').update(id).digest('hex').slice(0, 9)
}

// Each step sends the whole conversation again: with caching, the repeated part costs a tenth.
function markCacheable(prompt: LanguageModelV4Message[]): void {
  const providerOptions = { anthropic: { cacheControl: { type: 'ephemeral' } } }
  const lastSystem = prompt.findLast((message) => message.role === 'system')
  for (const message of [lastSystem, prompt.at(-1)])
    if (message !== undefined) message.providerOptions = providerOptions
}
