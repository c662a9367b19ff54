import type { TProperties, TObject } from 'typebox'
import type { NewEvent, Run, RunProgress } from '../runs/index.ts'
import type { JsonSchema } from '../../../platform/json-schema/json-schema.ts'
import type { RunSandbox } from './run-sandbox.ts'

/** What a tool call left behind: the text for the model, and what goes on the run. */
export interface ToolResult {
  readonly text: string
  readonly isError: boolean
  readonly events?: readonly NewEvent[]
  readonly progress?: RunProgress
  /** Why an `output` call was refused. */
  readonly reasons?: readonly { readonly pointer: string; readonly message: string }[]
}

export interface ToolContext {
  readonly run: Run
  readonly outputSchema: JsonSchema | undefined
  readonly sandbox: RunSandbox
  readonly signal: AbortSignal
}

/**
 * What a call that was started but not journalled as finished may have done:
 * `none` or `repeatable` is run again; after `partial` the model is told, because only it knows what to check.
 */
export type ToolEffect = 'none' | 'repeatable' | 'partial'

export interface Tool {
  readonly name: string
  readonly description: string
  readonly parameters: TObject<TProperties> | JsonSchema
  readonly effect: ToolEffect
  /** Runs a call whose arguments were checked against `parameters`. */
  run(context: ToolContext, args: Readonly<Record<string, unknown>>): Promise<ToolResult>
}
