import type { TProperties, TObject } from 'typebox'
import type { LogEntry, Run, RunProgress } from '../runs/index.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { JsonSchema } from '../../../platform/json-schema/json-schema.ts'
import type { RunSandbox } from './run-sandbox.ts'

/** The result of a tool call: the text for the model, and the changes to the run. */
export interface ToolResult {
  readonly text: string
  readonly isError: boolean
  readonly entries?: readonly LogEntry[]
  readonly progress?: RunProgress
  /** The reasons why an `output` call was refused. */
  readonly reasons?: readonly { readonly pointer: string; readonly message: string }[]
}

/** How much of its tools' content a run has kept so far, over all attempts. */
export interface RunKept {
  readonly logLines: number
  readonly reportBytes: number
}

export interface ToolContext {
  readonly kept: RunKept
  readonly platform: Pick<Platform, 'use'>
  readonly run: Run
  readonly outputSchema: JsonSchema | undefined
  readonly sandbox: RunSandbox
  readonly signal: AbortSignal
  /** To be called when the call must wait until the process has room for it. */
  waits(): void
  /** To be called when the wait has ended, before the tool has any effect. */
  begins(): Promise<void>
}

/**
 * The possible effects of a call that started but was not journalled as finished. `none` and `repeatable` calls run
 * again; after `partial` the model gets an error, because only it knows what to check.
 */
export type ToolEffect = 'none' | 'repeatable' | 'partial'

export interface Tool {
  readonly name: string
  readonly description: string
  readonly parameters: TObject<TProperties> | JsonSchema
  readonly effect: ToolEffect
  /** Runs a call whose arguments are valid against `parameters`. */
  run(context: ToolContext, args: Readonly<Record<string, unknown>>): Promise<ToolResult>
}
