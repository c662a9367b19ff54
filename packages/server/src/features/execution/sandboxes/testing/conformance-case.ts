import type { ExecRequest, ExecResult, Sandbox, SandboxDriver, SandboxLimits } from '../sandbox.ts'
import type { Workspace } from '../workspace.ts'
import type { Arena } from './arena.ts'

/** One requirement that every driver must meet. */
export interface ConformanceCase {
  readonly name: string
  readonly limits?: Partial<SandboxLimits>
  check(subject: Subject): Promise<void>
}

/** What a requirement is checked on. */
export interface Subject {
  readonly arena: Arena
  readonly sandbox: Sandbox
  readonly driver: SandboxDriver
  readonly workspace: Workspace
  /** Runs a shell script that first verifies that it is inside; fails the whole suite when it is not. */
  inside(script: string, options?: Partial<ExecRequest>): Promise<ExecResult>
}
