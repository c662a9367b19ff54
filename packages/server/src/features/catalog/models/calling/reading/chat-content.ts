import { listOf, recordOf, textOf } from './wire-values.ts'

/** A piece of an answer's text or of its reasoning. */
export interface ContentPiece {
  readonly type: 'text' | 'reasoning'
  readonly text: string
}

/** Types of parts that hold what the model thinks. */
const reasoningTypes = new Set(['thinking', 'reasoning', 'reasoning_content', 'thought', 'summary_text'])

/** The pieces of a message's content: a text, or parts of any known form. */
export function contentPieces(content: unknown): ContentPiece[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }]
  return joined(listOf(content).map(pieceOf))
}

/** The pieces with a text, where neighbours of the same type are one piece. */
function joined(pieces: readonly ContentPiece[]): ContentPiece[] {
  const result: ContentPiece[] = []
  for (const { type, text } of pieces) {
    const last = result.at(-1)
    if (last?.type === type) result[result.length - 1] = { type, text: last.text + text }
    else if (text !== '') result.push({ type, text })
  }
  return result
}

function pieceOf(part: unknown): ContentPiece {
  if (typeof part === 'string') return { type: 'text', text: part }
  const { type, thought, thinking, reasoning, text, content: inner, refusal } = recordOf(part) ?? {}
  if (thought === true || reasoningTypes.has(textOf(type) ?? ''))
    return { type: 'reasoning', text: plainText(thinking ?? reasoning ?? text ?? inner) }
  return { type: 'text', text: plainText(text ?? refusal) }
}

/** The text of a value that servers write as a text, as parts, or as an object around it. */
export function plainText(value: unknown): string {
  if (typeof value === 'string') return value
  return listOf(value)
    .map((part) => (typeof part === 'string' ? part : innerText(part)))
    .join('')
}

function innerText(part: unknown): string {
  const record = recordOf(part)
  return textOf(record?.text) ?? textOf(record?.value) ?? textOf(recordOf(record?.text)?.value) ?? ''
}
