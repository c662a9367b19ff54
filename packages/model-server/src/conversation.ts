export interface CalledTool {
  readonly name: string
  readonly argumentsText: string
}

/** One message of a request, the same for every wire protocol. */
export type Message =
  | { readonly role: 'system' | 'user'; readonly text: string }
  | { readonly role: 'assistant'; readonly text: string; readonly toolCalls: readonly CalledTool[] }
  | { readonly role: 'tool'; readonly toolName: string; readonly text: string }

/** The data for conditions and placeholders, collected from the messages before one answer. */
export interface Facts {
  readonly systemText: string
  readonly userTexts: readonly string[]
  readonly lastToolResult: string
  /** The latest tool result since the latest assistant message, if any. */
  readonly freshToolResult: { readonly toolName: string; readonly text: string } | undefined
  readonly lastToolCalls: readonly CalledTool[]
}

export const noFacts: Facts = {
  systemText: '',
  userTexts: [],
  lastToolResult: '',
  freshToolResult: undefined,
  lastToolCalls: [],
}

/** The facts after one more message. */
export function withMessage(facts: Facts, message: Message): Facts {
  switch (message.role) {
    case 'system':
      return { ...facts, systemText: `${facts.systemText}${message.text}\n` }
    case 'user':
      return { ...facts, userTexts: [...facts.userTexts, message.text] }
    case 'tool':
      return { ...facts, lastToolResult: message.text, freshToolResult: message }
    case 'assistant': {
      const lastToolCalls = message.toolCalls.length > 0 ? message.toolCalls : facts.lastToolCalls
      return { ...facts, lastToolCalls, freshToolResult: undefined }
    }
  }
}

/** Finds the JSON object in a tool result: the whole text, its `stdout`, or its last line with a JSON object. */
export function findJsonObject(text: string): object | undefined {
  const whole = parseObject(text)
  if (whole !== undefined)
    return 'stdout' in whole && typeof whole.stdout === 'string' ? findJsonObject(whole.stdout) : whole
  for (const line of text.split('\n').reverse()) {
    const found = parseObject(line)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * Finds the run's input: an `<input>` element or a fenced JSON block, in a user message or in the system text.
 * In the system text the block must have a heading with "input".
 */
export function findInput(facts: Facts): object | undefined {
  const places: readonly (readonly [string, RegExp])[] = [
    ...facts.userTexts.map((text) => [text, /<input>([\s\S]*?)<\/input>/g] as const),
    [facts.systemText, /<input>([\s\S]*?)<\/input>/g],
    ...facts.userTexts.map((text) => [text, /```(?:json)?\s*\n([\s\S]*?)```/g] as const),
    [facts.systemText, /input[^\n]*\n+```(?:json)?\s*\n([\s\S]*?)```/gi],
  ]
  for (const [text, pattern] of places) {
    for (const match of text.matchAll(pattern)) {
      const found = parseObject(match[1] ?? '')
      if (found !== undefined) return found
    }
  }
  return undefined
}

function parseObject(text: string): object | undefined {
  const trimmed = text.trim()
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) return undefined
  try {
    const value: unknown = JSON.parse(trimmed)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
