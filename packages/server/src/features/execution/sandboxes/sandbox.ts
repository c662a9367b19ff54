/** What one tool execution may use; enforced by rlimits, by a watcher, and by cgroups where the host lets us write them. */
export interface SandboxLimits {
  /** Per process always; for the whole execution as well (cgroup, or a watcher that samples it). */
  memoryBytes: number
  processesMax: number
  /** What the workspace may hold beside `input/`. */
  diskBytes: number
  /** CPU time per process. */
  cpuSeconds: number
  /** CPUs the execution may keep busy at once, for example 0.5; needs cgroups. */
  cpuShare?: number
  /** Files and directories the workspace may hold beside `input/`; 100,000 unless told. */
  filesMax?: number
}

export interface ExecRequest {
  argv: readonly string[]
  stdin?: Uint8Array
  timeoutMs: number
  /** Per stream: the first and the last half of it are kept, the middle is dropped. */
  outputBytesMax: number
  signal?: AbortSignal
  /** Inside the sandbox, relative to /workspace. */
  cwd?: string
}

export interface ExecResult {
  /** Null when we ended it; 128 + n when signal n did, as a shell reports it. */
  exitCode: number | null
  signal: string | null
  stdout: string
  stderr: string
  stdoutTruncated: boolean
  stderrTruncated: boolean
  reason: 'exited' | 'timeout' | 'aborted' | 'disk-limit' | 'memory-limit'
  durationMs: number
}

/** The isolated hands of one run: nothing of it lives between two executions. */
export interface Sandbox {
  /** Resolves when every process of the execution is dead; throws SandboxError when it could not be isolated or started. */
  exec(request: ExecRequest): Promise<ExecResult>
}

/** One way to isolate a process tree on this host. */
export interface SandboxDriver {
  readonly name: 'bubblewrap' | 'unshare'
  open(workspaceDir: string, limits: SandboxLimits): Promise<Sandbox>
}

/** The execution did not take place: isolation or start failed, so nothing ran unprotected. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError'
}
