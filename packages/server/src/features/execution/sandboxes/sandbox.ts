/** The limits of one tool execution, enforced by rlimits, by a watcher, and by cgroups where they are writable. */
export interface SandboxLimits {
  /** Applies to each process, and to the whole execution (by cgroup, or by a watcher that samples it). */
  readonly memoryBytes: number
  readonly processesMax: number
  /** Maximum size of the workspace, without `input/`. */
  readonly diskBytes: number
  /** CPU time per process. */
  readonly cpuSeconds: number
  /** Number of CPUs that the execution may use at once, for example 0.5; needs cgroups. */
  readonly cpuShare?: number
  /** Maximum number of files and directories in the workspace, without `input/`; 100,000 by default. */
  readonly filesMax?: number
}

export interface ExecRequest {
  readonly argv: readonly string[]
  readonly stdin?: Uint8Array
  readonly timeoutMs: number
  /** Limit per stream: its start and its end are kept, the middle is dropped. */
  readonly outputBytesMax: number
  readonly signal?: AbortSignal
  /** Inside the sandbox, relative to /workspace. */
  readonly cwd?: string
}

export interface ExecResult {
  /** Null when the sandbox killed it; 128 + n when signal n ended it, as a shell reports it. */
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly stdoutTruncated: boolean
  readonly stderrTruncated: boolean
  /** `hidden-process`: a process kept its open files from being looked at, so they could not be limited. */
  readonly reason: 'exited' | 'timeout' | 'aborted' | 'disk-limit' | 'memory-limit' | 'hidden-process'
  readonly durationMs: number
}

/** Runs the isolated executions of one run; no process survives an execution. */
export interface Sandbox {
  /** Resolves when all processes of the execution are dead. Throws SandboxError if isolation or start failed. */
  exec(request: ExecRequest): Promise<ExecResult>
}

/** What a sandbox is opened with. */
export interface SandboxOptions {
  /** The directory of the host that the sandbox sees as /workspace. */
  readonly workspaceDir: string
  readonly limits: SandboxLimits
}

/** One way to isolate a process tree on this host. */
export interface SandboxDriver {
  readonly name: 'bubblewrap' | 'unshare'
  open(options: SandboxOptions): Promise<Sandbox>
}

/** The execution did not take place: isolation or start failed, so nothing ran unprotected. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError'
}
