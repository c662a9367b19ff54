import type { InvalidPart } from '../../../platform/problems/problem.ts'
import type { JsonSchema } from '../../../platform/json-schema/json-schema.ts'
import { checkOwn } from '../../../platform/json-schema/own-schema.ts'
import { jsonDepthMax, parseCallArguments, type ToolCall } from '../../catalog/models/index.ts'
import { logTool, outputTool, reportTool } from './control-tools.ts'
import { sandboxTools } from './sandbox-tools.ts'
import type { Tool, ToolContext, ToolResult } from './tool.ts'

/** The tools of an agent, by name. */
export function toolsNamed(names: readonly string[], outputSchema: JsonSchema | undefined): ReadonlyMap<string, Tool> {
  const all = [outputTool(outputSchema), logTool, reportTool, ...sandboxTools]
  // An agent with an output schema always has `output`.
  const wanted = new Set(outputSchema === undefined ? names : [...names, 'output'])
  return new Map(all.filter((tool) => wanted.has(tool.name)).map((tool) => [tool.name, tool]))
}

/** Runs one call. A mistake of the model becomes a result for it to correct, never an exception. */
export async function runToolCall(
  tools: ReadonlyMap<string, Tool>,
  call: ToolCall,
  context: ToolContext,
): Promise<ToolResult> {
  const tool = tools.get(call.name)
  if (tool === undefined) return refused(`There is no tool ${call.name}. Tools: ${[...tools.keys()].join(', ')}.`)
  const args = parseCallArguments(call.argumentsText)
  if (args === undefined)
    return refused(
      `The arguments are not a JSON object of at most ${jsonDepthMax} levels: send valid JSON, nested less deeply.`,
    )
  // `output` checks its arguments itself, because its result carries the reasons.
  const mistakes = tool.name === 'output' ? [] : checkOwn(tool.parameters, args)
  if (mistakes.length > 0) return refused(`The arguments are not valid: ${mistakes.map(explain).join('; ')}.`)
  return tool.run(context, args)
}

/** The result of a call that a crash interrupted. */
export const interruptedResult: ToolResult = {
  text:
    'The call was interrupted by a restart of the server. Its effects in /workspace may be partial: ' +
    'check them, then repeat the call if it is still needed.',
  isError: true,
}

function refused(text: string): ToolResult {
  return { text, isError: true }
}

function explain({ pointer, message }: InvalidPart): string {
  return `${pointer === '' ? 'they' : pointer.slice(1)} ${message}`
}
