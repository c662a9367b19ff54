import type { ReaderContext } from './answer-reader.ts'
import { argumentsText } from './chat-calls.ts'
import { PartialArguments, type StepCount } from './partial-arguments.ts'
import { idOf, nameOf } from './short-text.ts'
import { listOf, type WireRecord } from './wire-values.ts'

interface OpenCall {
  readonly name: string
  readonly id: string | undefined
  readonly signed: object
  readonly values: PartialArguments
}

/** Reads the function calls of a Google answer, also those whose arguments arrive in pieces. */
export class GoogleCalls {
  readonly #context: ReaderContext
  readonly #steps: StepCount = { steps: 0 }
  #open: OpenCall | undefined

  constructor(context: ReaderContext) {
    this.#context = context
  }

  /** The whole call as a part for the package; undefined while more of it follows. */
  take(call: WireRecord, signed: object): object | undefined {
    const name = nameOf(call.name)
    const pieces = listOf(call.partialArgs)
    const continues = call.willContinue === true
    if (name !== undefined && pieces.length === 0 && !continues)
      return part({ name, id: idOf(call.id), signed }, argumentsText(call.args) || '{}')
    const ended = name === undefined ? undefined : this.#end()
    if (name !== undefined) this.#open = this.#opened(name, call, signed)
    if (this.#open === undefined) {
      this.#context.notes.skip('tool call without a name')
      return undefined
    }
    this.#open.values.take(pieces)
    return continues ? ended : this.#end()
  }

  /** The call whose end never came. */
  finish(): object[] {
    const last = this.#end()
    return last === undefined ? [] : [last]
  }

  #opened(name: string, call: WireRecord, signed: object): OpenCall {
    const values = new PartialArguments(this.#context.textBytesMax, this.#steps)
    return { name, id: idOf(call.id), signed, values }
  }

  #end(): object | undefined {
    const open = this.#open
    this.#open = undefined
    return open === undefined ? undefined : part(open, JSON.stringify(open.values.toJson()))
  }
}

// The package passes arguments on unchanged when they are a text. It refuses events with some names of fields.
function part({ name, id, signed }: Pick<OpenCall, 'name' | 'id' | 'signed'>, args: string): object {
  return { functionCall: { name, ...(id === undefined ? {} : { id }), args }, ...signed }
}
