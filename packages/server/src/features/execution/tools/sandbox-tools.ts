import { Type, type TProperties } from 'typebox'
import { editFile, listDirectory, readFile, runBash, writeFile, type Sandbox } from '../sandboxes/index.ts'
import type { Tool, ToolEffect, ToolResult } from './tool.ts'

const path = Type.String({ minLength: 1, maxLength: 4096, description: 'Relative to /workspace, or absolute.' })

interface SandboxTool {
  readonly name: string
  readonly description: string
  readonly parameters: TProperties
  readonly effect: ToolEffect
  run(
    sandbox: Sandbox,
    args: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<{ ok: boolean; text: string }>
}

const declarations: readonly SandboxTool[] = [
  {
    name: 'bash',
    description:
      'Runs a command with bash in the sandbox, in /workspace. There is no network. ' +
      'Processes end with the command; files in /workspace stay.',
    parameters: {
      command: Type.String({ minLength: 1, maxLength: 200_000 }),
      timeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 600, description: '120 when absent.' })),
    },
    effect: 'partial',
    run: (sandbox, { command, timeoutSeconds }, signal) =>
      runBash(
        sandbox,
        {
          command: String(command),
          ...(typeof timeoutSeconds === 'number' ? { timeoutMs: timeoutSeconds * 1000 } : {}),
        },
        signal,
      ),
  },
  {
    name: 'read_file',
    description: 'Reads a text file, by lines.',
    parameters: {
      path,
      offset: Type.Optional(Type.Integer({ minimum: 0, description: 'Lines to skip.' })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'Lines to read.' })),
    },
    effect: 'none',
    run: (sandbox, { path: file, offset, limit }, signal) =>
      readFile(
        sandbox,
        {
          path: String(file),
          ...(typeof offset === 'number' ? { offset } : {}),
          ...(typeof limit === 'number' ? { limit } : {}),
        },
        signal,
      ),
  },
  {
    name: 'write_file',
    description: 'Writes a text file, replacing what was there. Folders are made as needed.',
    parameters: { path, content: Type.String({ maxLength: 2_000_000 }) },
    effect: 'repeatable',
    run: (sandbox, { path: file, content }, signal) =>
      writeFile(sandbox, { path: String(file), content: String(content) }, signal),
  },
  {
    name: 'edit_file',
    description: 'Replaces one occurrence of a text in a file; the old text must occur exactly once.',
    parameters: {
      path,
      oldText: Type.String({ minLength: 1, maxLength: 200_000 }),
      newText: Type.String({ maxLength: 200_000 }),
    },
    effect: 'partial',
    run: (sandbox, { path: file, oldText, newText }, signal) =>
      editFile(sandbox, { path: String(file), oldText: String(oldText), newText: String(newText) }, signal),
  },
  {
    name: 'list_files',
    description: 'Lists the files below a folder with their sizes.',
    parameters: { path: Type.Optional(path) },
    effect: 'none',
    run: (sandbox, { path: folder }, signal) =>
      listDirectory(sandbox, typeof folder === 'string' ? { path: folder } : {}, signal),
  },
]

/** The tools that run in the sandbox. The first call opens it. */
export const sandboxTools: readonly Tool[] = declarations.map(({ name, description, parameters, effect, run }) => ({
  name,
  description,
  parameters: Type.Object(parameters),
  effect,
  async run({ sandbox, signal, waits, begins }, args): Promise<ToolResult> {
    const opened = await sandbox.open(signal)
    if ('refused' in opened) return { text: opened.refused, isError: true }
    waits()
    const result = await opened.exclusively(signal, async () => {
      await begins()
      return run(opened.sandbox, args, signal)
    })
    return { text: result.text, isError: !result.ok }
  },
}))
