import { oneOf, whole } from '../../../platform/config/variables.ts'
import { feature } from '../../../platform/http/feature.ts'

export { detectSandbox, type SandboxDetection } from './detect-sandbox.ts'
export { WorkspacePathError } from './open-beneath.ts'
export type { Sandbox } from './sandbox.ts'
export { sweepTemporaryDirs } from './temporary-dir.ts'
export { createWorkspace, inputBytesMax, outputEntriesMax, runDiskBytesMax, type Workspace } from './workspace.ts'
export { editFile, listDirectory, readFile, runBash, writeFile } from './workspace-tools.ts'

const variables = {
  SANDBOX: oneOf(['auto', 'bubblewrap', 'unshare', 'off'], {
    meaning:
      'How tool code is isolated. `auto` uses bubblewrap, else `unshare`. If neither works, or with `off`, ' +
      'sandbox tools are refused.',
    fallback: 'auto',
  }),
  SANDBOXES_CONCURRENT: whole({
    meaning: 'Tool executions in sandboxes at a time, per process.',
    fallback: 8,
    min: 1,
    max: 1000,
  }),
  RUN_DISK_MAX: whole({
    meaning:
      'Bytes of disk that a run may use: its workspace with the copies of its input files, and after its end the ' +
      'files that it leaves. Its input files may have half of this.',
    fallback: 1_073_741_824,
    min: 1_048_576,
    max: 1_099_511_627_776,
  }),
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ConfigVariables extends Readonly<typeof variables> {}
}

export const sandboxesFeature = feature({
  folder: 'execution/sandboxes',
  tag: 'Sandboxes',
  description: 'Isolates the code of tools.',
  variables,
  endpoints: {},
})
