import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { accountingCases } from './testing/accounting.cases.ts'
import { behaviourCases } from './testing/behaviour.cases.ts'
import { escapeCases } from './testing/escape.cases.ts'
import { inputCases } from './testing/input.cases.ts'
import { lifetimeCases } from './testing/lifetime.cases.ts'
import { limitCases } from './testing/limit.cases.ts'
import { memoryCases } from './testing/memory.cases.ts'
import { networkCases } from './testing/network.cases.ts'
import { systemCallCases } from './testing/system-call.cases.ts'
import { viewCases } from './testing/view.cases.ts'
import { openArena, type Arena } from './testing/arena.ts'
import type { ConformanceCase, Subject } from './testing/conformance-case.ts'
import type { SandboxDriver, SandboxLimits } from './sandbox.ts'
import { createWorkspace } from './workspace.ts'

export interface CaseResult {
  readonly name: string
  readonly error?: string
}

export const conformanceCases: readonly ConformanceCase[] = [
  ...escapeCases,
  ...systemCallCases,
  ...viewCases,
  ...lifetimeCases,
  ...limitCases,
  ...accountingCases,
  ...memoryCases,
  ...networkCases,
  ...behaviourCases,
  ...inputCases,
]

const limitsDefault: SandboxLimits = {
  memoryBytes: 128 * 1024 * 1024,
  processesMax: 48,
  diskBytes: 32 * 1024 * 1024,
  cpuSeconds: 20,
}
const concurrentCases = 4
const outsideCode = 99

/** Runs all cases against a driver, each in its own workspace. Stops at once when a script runs outside a sandbox. */
export async function runConformance(driver: SandboxDriver): Promise<CaseResult[]> {
  const arena = await openArena()
  const outcomes: CaseResult[] = []
  const waiting = [...conformanceCases]
  try {
    await proveInside(await openSubject(arena, driver, { id: 'proof' }))
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined && !arena.isBroken; next = waiting.shift()) {
        outcomes.push(await runCase(arena, driver, next))
      }
    }
    await Promise.all(Array.from({ length: concurrentCases }, work))
    return outcomes
  } finally {
    await arena.close()
  }
}

async function runCase(
  arena: Arena,
  driver: SandboxDriver,
  { name, limits, check }: ConformanceCase,
): Promise<CaseResult> {
  const subject = await openSubject(arena, driver, { id: `case-${randomBytes(6).toString('hex')}`, limits })
  try {
    await check(subject)
    return { name }
  } catch (error) {
    return { name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  } finally {
    await subject.workspace.remove()
  }
}

async function proveInside(subject: Subject): Promise<void> {
  const { stdout } = await subject.inside('echo proven')
  assert.equal(stdout, 'proven\n', 'no attack runs before the check for isolation has passed')
}

async function openSubject(
  arena: Arena,
  driver: SandboxDriver,
  { id, limits }: { id: string; limits?: Partial<SandboxLimits> | undefined },
): Promise<Subject> {
  const workspace = await createWorkspace(arena.workspacesDir, id)
  await workspace.putInput(arena.nonce, Readable.from(['only in this sandbox']))
  const sandbox = await driver.open({ workspaceDir: workspace.dir, limits: { ...limitsDefault, ...limits } })
  const inside: Subject['inside'] = async (script, options = {}) => {
    assert.ok(!arena.isBroken, 'an earlier script ran outside the sandbox')
    const argv = ['/bin/sh', '-c', proof(arena.nonce) + script]
    const result = await sandbox.exec({ argv, timeoutMs: 60_000, outputBytesMax: 65_536, ...options })
    if (result.exitCode !== outsideCode) return result
    arena.isBroken = true
    throw new Error('a script ran outside the sandbox: no further script is run')
  }
  return { arena, sandbox, driver, workspace, inside }
}

// These commands only read; the script after them could do harm outside a sandbox.
function proof(nonce: string): string {
  return `
[ "$(uname -n)" = sandbox ] && [ -f "/workspace/input/${nonce}" ] && [ "$(id -u)" = 1000 ] && [ "$$" -lt 100 ] \\
  && [ ! -e /home ] && [ ! -e /root ] && [ ! -e /var ] && [ ! -e /sys ] || exit ${outsideCode}
[ "$(cat /proc/1/comm)" = sh ] && ! grep -q . /proc/self/mountinfo || exit ${outsideCode}
`
}
