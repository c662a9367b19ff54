import { randomBytes } from 'node:crypto'
import { AnswerRefused } from '../event-check.ts'
import type { ReaderContext } from './answer-reader.ts'
import { argumentsText } from './chat-calls.ts'
import { plainText } from './chat-content.ts'
import { idOf, nameOf, shortened } from './short-text.ts'
import { listOf, recordOf, textOf, type WireRecord } from './wire-values.ts'

interface OpenBlock {
  readonly type: 'text' | 'thinking' | 'redacted_thinking' | 'tool_use' | 'of-server'
  readonly id: string
  /** Input from the block's start, sent when no pieces of it follow. */
  startInput: string
  /** Pieces of the input of a server's tool. */
  input: string
}

const openBlocksMax = 1_024
const serverInputMax = 4_096

/** Reads the content blocks of an Anthropic message. Blocks of tools that the server ran are noted, and left out. */
export class AnthropicBlocks {
  hasContent = false
  hasAnswer = false
  hasCalls = false
  readonly #context: ReaderContext
  readonly #open = new Map<number, OpenBlock>()
  #last = -1
  #heldCharacters = 0

  constructor(context: ReaderContext) {
    this.#context = context
  }

  start(given: number | undefined, block: unknown): object[] {
    const index = given ?? this.#last + 1
    const unended = this.#open.has(index) ? this.stop(index) : []
    if (this.#open.size >= openBlocksMax) throw new AnswerRefused('too-complex')
    this.#last = index
    return [...unended, ...this.#opened(index, recordOf(block) ?? {})]
  }

  delta(given: number | undefined, value: unknown): object[] {
    const delta = recordOf(value) ?? {}
    const index = given ?? this.#last
    const type = textOf(delta.type) ?? typeBy(delta)
    const [opening, block] = this.#blockFor(index, type)
    if (block === undefined) {
      this.#context.notes.skip(`delta ${type} without a block`)
      return []
    }
    return [...opening, ...this.#deltaOf(index, block, { ...delta, type })]
  }

  stop(given: number | undefined): object[] {
    const index = given ?? this.#last
    const block = this.#open.get(index)
    if (block === undefined) return []
    this.#open.delete(index)
    if (block.type === 'of-server') {
      if (block.input !== '') this.#context.notes.serverToolQuery(block.id, block.input)
      return []
    }
    const input = block.type === 'tool_use' ? block.startInput : ''
    return [...(input === '' ? [] : [inputDelta(index, input)]), { type: 'content_block_stop', index }]
  }

  /** Ends the blocks that are still open. */
  finish(): object[] {
    return [...this.#open.keys()].flatMap((index) => this.stop(index))
  }

  #opened(index: number, block: WireRecord): object[] {
    const type = textOf(block.type) ?? typeBy(block)
    const opened = (own: OpenBlock['type'], content: object) => {
      this.#open.set(index, { type: own, id: '', startInput: '', input: '' })
      return [{ type: 'content_block_start', index, content_block: { type: own, ...content } }]
    }
    switch (type) {
      case 'text':
      case 'text_delta':
        return [...opened('text', { text: '' }), ...this.#text(index, 'text', plainText(block.text))]
      case 'thinking':
      case 'thinking_delta':
        return [
          ...opened('thinking', { thinking: '' }),
          ...this.#text(index, 'thinking', plainText(block.thinking)),
          ...this.#signature(index, block.signature),
        ]
      case 'redacted_thinking':
        return opened('redacted_thinking', { data: textOf(block.data) ?? '' })
      case 'tool_use':
        return this.#toolUse(index, block)
      default:
        this.#ofServer(index, type, block)
        return []
    }
  }

  #toolUse(index: number, block: WireRecord): object[] {
    const id = idOf(block.id) ?? `toolu_${randomBytes(9).toString('hex')}`
    this.hasContent = this.hasAnswer = this.hasCalls = true
    this.#open.set(index, { type: 'tool_use', id, startInput: this.#held(argumentsText(block.input)), input: '' })
    const name = nameOf(block.name) ?? 'unnamed'
    return [{ type: 'content_block_start', index, content_block: { type: 'tool_use', id, name, input: {} } }]
  }

  #held(input: string): string {
    this.#heldCharacters += input.length
    if (this.#heldCharacters > this.#context.textBytesMax) throw new AnswerRefused('too-large')
    return input
  }

  // `server_tool_use`, `mcp_tool_use`, and the results of tools.
  #ofServer(index: number, type: string, block: WireRecord): void {
    const { notes } = this.#context
    const id = idOf(block.id) ?? idOf(block.tool_use_id) ?? ''
    this.#open.set(index, { type: 'of-server', id, startInput: '', input: '' })
    if (type.endsWith('_tool_use')) notes.serverTool(id, textOf(block.name) ?? type, argumentsText(block.input))
    else if (type.endsWith('_tool_result')) notes.sources(id, urlsIn(block.content))
    else notes.skip(`block ${type}`)
  }

  // A delta whose block's start was lost opens one; without its name, a tool call cannot be read.
  #blockFor(index: number, type: string): readonly [object[], OpenBlock | undefined] {
    const known = this.#open.get(index)
    if (known !== undefined || (type !== 'text_delta' && type !== 'thinking_delta')) return [[], known]
    const opening = this.start(index, { type })
    return [opening, this.#open.get(index)]
  }

  #deltaOf(index: number, block: OpenBlock, delta: WireRecord & { readonly type: string }): object[] {
    const { type } = delta
    if (type === 'input_json_delta') return this.#input(index, block, argumentsText(delta.partial_json))
    if (block.type === 'of-server' || type === 'citations_delta') return []
    if (type === 'text_delta' && block.type === 'text') return this.#text(index, 'text', plainText(delta.text))
    if (type === 'thinking_delta' && block.type === 'thinking')
      return this.#text(index, 'thinking', plainText(delta.thinking))
    if (type === 'signature_delta' && block.type === 'thinking') return this.#signature(index, delta.signature)
    this.#context.notes.skip(`delta ${type} in a block ${block.type}`)
    return []
  }

  #input(index: number, block: OpenBlock, piece: string): object[] {
    if (block.type === 'of-server' && block.input.length < serverInputMax)
      block.input += shortened(piece, serverInputMax)
    if (block.type !== 'tool_use' || piece === '') return []
    block.startInput = ''
    return [inputDelta(index, piece)]
  }

  #text(index: number, kind: 'text' | 'thinking', text: string): object[] {
    if (text === '') return []
    this.hasContent = true
    this.hasAnswer ||= kind === 'text'
    return [{ type: 'content_block_delta', index, delta: { type: `${kind}_delta`, [kind]: text } }]
  }

  #signature(index: number, value: unknown): object[] {
    const signature = textOf(value)
    if (signature === undefined) return []
    return [{ type: 'content_block_delta', index, delta: { type: 'signature_delta', signature } }]
  }
}

function inputDelta(index: number, text: string): object {
  return { type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: text } }
}

// Some proxies leave the type out.
function typeBy(delta: WireRecord): string {
  if ('partial_json' in delta) return 'input_json_delta'
  if ('text' in delta) return 'text_delta'
  return 'thinking' in delta ? 'thinking_delta' : 'without a type'
}

function urlsIn(content: unknown): string[] {
  return listOf(content).flatMap((item) => textOf(recordOf(item)?.url) ?? [])
}
