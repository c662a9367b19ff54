import { pino } from 'pino'
import { detectSandbox } from '../detect-sandbox.ts'
import { runConformance } from '../sandbox.conformance.ts'
import { createWorkspace } from '../workspace.ts'

// Runs as another user, or is killed by a test: `node conformance-process.ts <driver> suite` prints the outcomes,
// `… hold <directory> <seconds>` starts an execution that only ends with this process.
const [, , preference, task, dir = '', seconds = ''] = process.argv

if (preference !== 'bubblewrap' && preference !== 'unshare') throw new Error('The first argument must be a driver.')
const detection = await detectSandbox({ preference, log: pino({ level: 'silent' }), hidden: [] })
if (!detection.available) throw new Error(detection.reason)
if (task === 'suite') {
  process.stdout.write(JSON.stringify(await runConformance(detection.driver)))
} else {
  const workspace = await createWorkspace(dir, 'held')
  const sandbox = await detection.driver.open({
    workspaceDir: workspace.dir,
    limits: {
      memoryBytes: 64 * 1024 * 1024,
      processesMax: 16,
      diskBytes: 1024 * 1024,
      cpuSeconds: 60,
    },
  })
  const script = `(setsid sleep ${seconds} &) ; sleep ${seconds}`
  await sandbox.exec({ argv: ['sh', '-c', script], timeoutMs: 600_000, outputBytesMax: 1_000 })
}
