/** The tools that ship with the platform, in display order. */
export const builtinTools = [
  'output',
  'log',
  'report',
  'bash',
  'read_file',
  'write_file',
  'edit_file',
  'list_files',
] as const
export type BuiltinTool = (typeof builtinTools)[number]

/** The package that stands for a tool in a manifest: `read_file` → `@appstrate/read-file`. */
export function packageOf(tool: BuiltinTool): string {
  return packages[tool]
}

const packages: Readonly<Record<BuiltinTool, string>> = {
  output: '@appstrate/output',
  log: '@appstrate/log',
  report: '@appstrate/report',
  bash: '@appstrate/bash',
  read_file: '@appstrate/read-file',
  write_file: '@appstrate/write-file',
  edit_file: '@appstrate/edit-file',
  list_files: '@appstrate/list-files',
}
