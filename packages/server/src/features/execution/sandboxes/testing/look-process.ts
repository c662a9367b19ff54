import { pino } from 'pino'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { detectSandbox } from '../detect-sandbox.ts'
import { createWorkspace } from '../workspace.ts'

// A server's view of its own directories: `node look-process.ts <driver> <options>` prints which paths exist in a
// sandbox, or why there is no sandbox. It can run as another user, and from a copy of the code that lies elsewhere.
const Options = Type.Object({
  hidden: Type.Array(Type.Object({ name: Type.String(), path: Type.String() })),
  /** The directory for the workspace. */
  dir: Type.String(),
  script: Type.String(),
})

const [, , preference, text = '{}'] = process.argv
if (preference !== 'bubblewrap' && preference !== 'unshare') throw new Error('The first argument must be a driver.')
const { hidden, dir, script } = Value.Parse(Options, JSON.parse(text))
const detection = await detectSandbox({ preference, log: pino({ level: 'silent' }), hidden })
if (detection.available) {
  const workspace = await createWorkspace(dir, 'look')
  const limits = { memoryBytes: 1024 * 1024 * 1024, processesMax: 32, diskBytes: 1024 * 1024, cpuSeconds: 20 }
  const sandbox = await detection.driver.open({ workspaceDir: workspace.dir, limits })
  // The script must not write outside a sandbox, and it proves that it is in one.
  const argv = ['/bin/sh', '-c', `[ "$(uname -n)" = sandbox ] || exit 99\n${script}`]
  const { stdout, stderr, exitCode } = await sandbox.exec({ argv, timeoutMs: 60_000, outputBytesMax: 65_536 })
  await workspace.remove()
  process.stdout.write(JSON.stringify({ stdout, stderr, exitCode }))
} else {
  process.stdout.write(JSON.stringify({ refused: detection.reason }))
}
