import assert from 'node:assert/strict'
import type { ExecResult } from '../sandbox.ts'
import type { Subject } from './conformance-case.ts'

/** Each line of output names an attack that succeeded; there must be none, and a normal exit. */
export function assertNothingWorked(result: ExecResult): void {
  assert.deepEqual(
    { worked: result.stdout, exitCode: result.exitCode, reason: result.reason },
    { worked: '', exitCode: 0, reason: 'exited' },
    result.stderr,
  )
}

// Reports a command only when it succeeds.
const attempts = 'exec 2>/dev/null\nmust_fail() { if "$@" >/dev/null 2>&1; then echo "worked: $*"; fi; }\n'

/** Runs a script in which `must_fail` reports each command that succeeds. */
export async function assertAllFail(subject: Subject, commands: string): Promise<void> {
  assertNothingWorked(await subject.inside(`${attempts}${commands}\nexit 0`))
}
