import { Type } from 'typebox'
import type { JsonSchema } from '../../../platform/json-schema/json-schema.ts'
import { schemaChecks } from '../../../platform/json-schema/schema-checks.ts'
import { logLevels, logLine, outputReturned, reportAdded, type LogLevel } from '../runs/index.ts'
import type { Tool } from './tool.ts'

/** The most log lines of one run, and the most bytes of its report. */
const keptMax = { logLines: 1_000, reportBytes: 1_048_576 } as const

/** `output`: returns the run's structured result, checked against the agent's schema; the last valid one counts. */
export function outputTool(schema: JsonSchema | undefined): Tool {
  return {
    name: 'output',
    description:
      'Returns the structured result of this run. Call it once, when the result is complete. ' +
      'A later call replaces an earlier one.',
    parameters: schema ?? { type: 'object', description: 'The result: any JSON object.' },
    effect: 'repeatable',
    async run({ outputSchema, run, platform, signal }, args) {
      const about = { value: args, pointer: '', signal }
      const mistakes =
        outputSchema === undefined
          ? []
          : await platform.use(schemaChecks).check(run.organizationId, { schema: outputSchema, ...about })
      if (mistakes.length > 0) {
        const reasons = mistakes.map(({ pointer, message }) => ({ pointer, message }))
        const list = reasons
          .map(({ pointer, message }) => `- ${pointer === '' ? 'the output' : pointer} ${message}`)
          .join('\n')
        return {
          text: `The output does not match the schema:\n${list}\nCorrect it and call output again.`,
          isError: true,
          reasons,
        }
      }
      return {
        text: 'The output was recorded.',
        isError: false,
        entries: [outputReturned(args)],
        progress: { output: args },
      }
    },
  }
}

export const logTool: Tool = {
  name: 'log',
  description: 'Writes a line to the log that the people who started this run are watching.',
  parameters: Type.Object({
    message: Type.String({ minLength: 1, maxLength: 10_000 }),
    level: Type.Optional(Type.Unsafe<LogLevel>({ type: 'string', enum: [...logLevels] })),
  }),
  effect: 'repeatable',
  async run({ kept }, { message, level }) {
    if (kept.logLines >= keptMax.logLines) {
      const text = `The log has ${keptMax.logLines} lines, which is the most of one run: the line was not added.`
      return { text: `${text} Go on without \`log\`.`, isError: true }
    }
    const entry = logLine(logLevels.find((known) => known === level) ?? 'info', String(message))
    return { text: 'Logged.', isError: false, entries: [entry] }
  },
}

export const reportTool: Tool = {
  name: 'report',
  description: 'Adds a section of Markdown to the report that people read about this run.',
  parameters: Type.Object({ content: Type.String({ minLength: 1, maxLength: 100_000 }) }),
  effect: 'repeatable',
  async run({ kept }, args) {
    const content = String(args['content'])
    const freeBytes = keptMax.reportBytes - kept.reportBytes
    if (Buffer.byteLength(content) > freeBytes) {
      const text =
        `A report can have ${keptMax.reportBytes} bytes, of which ${Math.max(freeBytes, 0)} are left: ` +
        'the section was not added. Add a shorter one, or go on without it.'
      return { text, isError: true }
    }
    return {
      text: 'Added to the report.',
      isError: false,
      entries: [reportAdded(content)],
      progress: { report: content },
    }
  },
}
