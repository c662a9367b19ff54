import { randomBytes } from 'node:crypto'
import { AnswerRefused, toolCallsMax } from '../event-check.ts'
import type { ReaderContext } from './answer-reader.ts'
import { idOf, nameOf } from './short-text.ts'
import { countOf, recordOf, textOf, type WireRecord } from './wire-values.ts'

interface OpenCall {
  readonly number: number
  readonly id: string | undefined
  name: string | undefined
  /** Arguments that arrived before the name. */
  held: string
  readonly extra: object
}

/** A piece of a call as all provider packages take it. */
export interface CallPiece {
  readonly index: number
  readonly id?: string
  readonly type?: 'function'
  readonly function: { readonly name?: string; readonly arguments: string }
}

/** The name of a call that never got one: the model is then told that there is no such tool. */
const unnamed = 'unnamed'
/** A server that changes the id of a call with each piece is not followed further. */
const idsMax = toolCallsMax * 8

/**
 * Assigns the pieces of streamed tool calls to calls. Servers repeat or leave out ids and positions, send arguments as
 * objects, and names late.
 */
export class ChatCalls {
  readonly #context: ReaderContext
  readonly #calls: OpenCall[] = []
  readonly #byIndex = new Map<number, OpenCall>()
  readonly #byId = new Map<string, OpenCall>()
  #heldCharacters = 0

  constructor(context: ReaderContext) {
    this.#context = context
  }

  get hasCalls(): boolean {
    return this.#calls.length > 0
  }

  /** The piece for the package; undefined when it must wait for the name, or belongs to a tool of the server. */
  take(value: unknown): CallPiece | undefined {
    const piece = recordOf(value)
    if (piece === undefined) {
      this.#context.notes.skip('tool call')
      return undefined
    }
    const target = recordOf(piece.function) ?? recordOf(piece.custom) ?? piece
    const name = nameOf(target.name)
    const text = argumentsText(target.arguments ?? target.input ?? target.parameters)
    if (!this.#isOfServer(piece, name)) return this.#pieceOf(this.#callOf(piece, name), name, text)
    this.#noteServerTool(piece, name, text)
    return undefined
  }

  /** The pieces of calls whose name never came. */
  finish(): CallPiece[] {
    const nameless = this.#calls.filter((call) => call.name === undefined)
    return nameless.map((call) => {
      this.#context.notes.skip('tool call without a name')
      return { ...this.#start(call, unnamed), function: { name: unnamed, arguments: call.held } }
    })
  }

  #isOfServer({ type }: WireRecord, name: string | undefined): boolean {
    if (typeof type !== 'string' || type === '' || type === 'function') return false
    return name === undefined || !this.#context.toolNames.has(name)
  }

  #noteServerTool(piece: WireRecord, name: string | undefined, text: string): void {
    const type = textOf(piece.type) ?? 'tool'
    this.#context.notes.serverTool(idOf(piece.id) ?? '', name ?? type, text || argumentsText(piece[type]))
  }

  #callOf(piece: WireRecord, name: string | undefined): OpenCall {
    const id = idOf(piece.id)
    const index = countOf(piece.index)
    const known = this.#known(id, index, name)
    const call = known ?? this.#open(piece, id)
    if (index !== undefined) this.#byIndex.set(index, call)
    if (id !== undefined && this.#byId.size < idsMax) this.#byId.set(id, call)
    return call
  }

  #known(id: string | undefined, index: number | undefined, name: string | undefined): OpenCall | undefined {
    if (index !== undefined) {
      const call = this.#byIndex.get(index)
      // Some servers give all calls of an answer the same position.
      const isOther = call?.id !== undefined && id !== undefined && id !== call.id && name !== undefined
      return isOther ? undefined : call
    }
    if (id !== undefined) return this.#byId.get(id)
    return name === undefined ? this.#calls.at(-1) : undefined
  }

  #open(piece: WireRecord, id: string | undefined): OpenCall {
    if (this.#calls.length >= toolCallsMax) throw new AnswerRefused('too-many-calls')
    const signature = textOf(recordOf(recordOf(piece.extra_content)?.google)?.thought_signature)
    this.#hold(signature ?? '')
    const extra = signature === undefined ? {} : { extra_content: { google: { thought_signature: signature } } }
    const call: OpenCall = { number: this.#calls.length, id, name: undefined, held: '', extra }
    this.#calls.push(call)
    return call
  }

  #pieceOf(call: OpenCall, name: string | undefined, text: string): CallPiece | undefined {
    if (call.name !== undefined) return { index: call.number, function: { arguments: text } }
    const held = call.held + text
    if (name !== undefined) {
      const start = { ...this.#start(call, name), function: { name, arguments: held } }
      call.held = ''
      return start
    }
    this.#hold(text)
    call.held = held
    return undefined
  }

  #hold(text: string): void {
    this.#heldCharacters += text.length
    if (this.#heldCharacters > this.#context.textBytesMax) throw new AnswerRefused('too-large')
  }

  #start(call: OpenCall, name: string) {
    call.name = name
    const id = call.id ?? `call_${randomBytes(9).toString('hex')}`
    return { index: call.number, id, type: 'function' as const, ...call.extra }
  }
}

/** Arguments as the text that the protocol asks for. An empty object says no more than no text: pieces can follow. */
export function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  const record = recordOf(value)
  return record !== undefined && Object.keys(record).length === 0 ? '' : JSON.stringify(value)
}
