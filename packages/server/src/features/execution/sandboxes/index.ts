export { detectSandbox, type SandboxDetection } from './detect-sandbox.ts'
export type { Sandbox } from './sandbox.ts'
export { createWorkspace, type Workspace } from './workspace.ts'
export { editFile, listFiles, readFile, runBash, writeFile } from './workspace-tools.ts'
