import type { StepMessage } from '../../../catalog/models/index.ts'

// Text averages four characters per token across models; three leaves room for code and other scripts.
const charactersPerToken = 3
/** Recent results stay complete, because the model is working with them. */
const recentMessagesKept = 6
const elided = '[An earlier result was removed to fit the context window. Repeat the call if you need it.]'

/**
 * Fits the messages into a context window by removing the oldest tool results first. Returns undefined when that is not
 * enough. A null window is not checked.
 */
export function fitContext(
  messages: readonly StepMessage[],
  contextWindow: number | null,
  reservedTokens: number,
): readonly StepMessage[] | undefined {
  if (contextWindow === null) return messages
  // At least half of a small window stays for the conversation.
  const charactersMax = (contextWindow - Math.min(reservedTokens, Math.floor(contextWindow / 2))) * charactersPerToken
  let characters = messages.reduce((sum, message) => sum + sizeOf(message), 0)
  if (characters <= charactersMax) return messages
  const fitted = messages.map((message, index) => {
    const isOld = index < messages.length - recentMessagesKept
    if (characters <= charactersMax || !isOld || message.role !== 'tool' || message.text.length <= elided.length)
      return message
    characters -= message.text.length - elided.length
    return { ...message, text: elided }
  })
  return characters <= charactersMax ? fitted : undefined
}

function sizeOf(message: StepMessage): number {
  if (message.role !== 'assistant') return message.text.length
  return (
    message.text.length + message.toolCalls.reduce((sum, call) => sum + call.argumentsText.length + call.name.length, 0)
  )
}
