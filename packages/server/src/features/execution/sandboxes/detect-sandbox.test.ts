import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { detectSandbox } from './detect-sandbox.ts'
import { checkIsolation, findDeviations, parseFacts } from './isolation-check.ts'
import { PipePool } from './pipe-pool.ts'
import { chooseUidRange } from './sandbox-host.ts'
import { createUnshareDriver } from './unshare.ts'
import { findProcMasks } from './view/proc-masks.ts'
import { SandboxError, type SandboxDriver } from './sandbox.ts'

const run = promisify(execFile)
const canIsolate =
  spawnSync('unshare', ['--user', '--map-root-user', '--pid', '--fork', '--mount-proc', 'true']).status === 0

function collectLog(): { lines: string[]; log: pino.Logger } {
  const lines: string[] = []
  return {
    lines,
    log: pino(
      { base: null },
      {
        write: (line: string) => {
          lines.push(line)
        },
      },
    ),
  }
}

describe('the choice of a sandbox', { timeout: 120_000 }, () => {
  test('off disables sandboxes, and the reason says so', async () => {
    expect(await detectSandbox({ preference: 'off', log: collectLog().log, hidden: [] })).toEqual({
      available: false,
      reason: 'SANDBOX=off: tools that need a sandbox are switched off.',
    })
  })

  test.skipIf(!canIsolate)('chooses a driver that isolates, and logs its limits in one line', async () => {
    const { lines, log } = collectLog()
    const detection = await detectSandbox({ preference: 'auto', log, hidden: [] })
    expect(detection.available).toBe(true)
    expect(lines.join('')).toMatch(
      /"driver":"(bubblewrap|unshare)".*"limits":".*"systemCallFilter":(true|false).*Sandbox tools run in isolation/,
    )
  })

  test.skipIf(!canIsolate)('warns exactly when nothing enforces the memory of a sandbox', async () => {
    const { lines, log } = collectLog()
    await detectSandbox({ preference: 'auto', log, hidden: [] })
    const isEnforced = lines.some((line) => line.includes('rlimits and cgroup'))
    const warnings = lines.filter((line) => line.includes('enforces the memory') && line.includes('"level":40'))
    expect(warnings).toHaveLength(isEnforced ? 0 : 1)
  })

  test.skipIf(!canIsolate)(
    'finds no driver where namespaces are forbidden, and reports in one line what to do',
    async () => {
      const source = `
      import { detectSandbox } from ${JSON.stringify(join(import.meta.dirname, 'detect-sandbox.ts'))}
      const log = { info() {}, warn() {} }
      process.stdout.write(JSON.stringify(await detectSandbox({ preference: 'auto', log, hidden: [] })))`
      const forbid =
        'for kind in user pid mnt net; do echo 0 > /proc/sys/user/max_${kind}_namespaces || exit 1; done; exec "$@"'
      const { stdout } = await run('unshare', [
        '--user',
        '--map-root-user',
        '--',
        'sh',
        '-c',
        forbid,
        'forbid',
        process.execPath,
        '--input-type=module-typescript',
        '--no-warnings',
        '--eval',
        source,
      ])
      expect(JSON.parse(stdout)).toMatchObject({ available: false })
      expect(stdout).toMatch(/bubblewrap: .*; unshare: .*|no other user ids/)
      expect(stdout).toMatch(/SANDBOX=off/)
      expect(stdout.split('\n')).toHaveLength(1)
    },
  )
})

describe('the isolation check', () => {
  test('refuses a driver that runs commands on the host', async () => {
    const unprotected: SandboxDriver = {
      name: 'unshare',
      open: ({ workspaceDir: dir }) =>
        Promise.resolve({
          async exec({ argv }) {
            const { status, stdout, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), { cwd: dir, encoding: 'utf8' })
            return {
              exitCode: status,
              signal: null,
              stdout,
              stderr,
              stdoutTruncated: false,
              stderrTruncated: false,
              reason: 'exited',
              durationMs: 0,
            }
          },
        }),
    }
    await expect(checkIsolation(unprotected, [])).rejects.toThrow(SandboxError)
    await expect(checkIsolation(unprotected, [])).rejects.toThrow(/does not isolate: .*uid is unknown/)
  })

  test.skipIf(!canIsolate)('refuses a driver that shows a hidden place', async () => {
    const uids = process.getuid?.() === 0 ? await chooseUidRange() : undefined
    const common = { uids, cgroups: undefined, pipes: new PipePool(), countsProcessesPerNamespace: true }
    const driver = createUnshareDriver({ ...common, hidden: [], procMasks: findProcMasks() })
    await checkIsolation(driver, [])
    await expect(checkIsolation(driver, [{ name: 'DATA_DIR', path: '/usr/lib/locale' }])).rejects.toThrow(
      /does not isolate: DATA_DIR is visible \(\/usr\/lib\/locale/,
    )
    const unmasked = createUnshareDriver({ ...common, hidden: [], procMasks: [] })
    await expect(checkIsolation(unmasked, [])).rejects.toThrow(/kernel-readable is yes, not no/)
  })

  const good = [
    'uid 1000',
    'pid 3',
    'CapInh:\t0000000000000000',
    'CapPrm:\t0000000000000000',
    'CapEff:\t0000000000000000',
    'CapBnd:\t0000000000000000',
    'CapAmb:\t0000000000000000',
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
    'root bin dev etc lib lib64 proc sbin tmp usr workspace',
    'environment PATH HOME LANG TMPDIR PWD',
    'interfaces     lo',
    'mounts-listed no',
    'kernel-readable no',
    'first-process-readable no',
    'etc-shadow-visible no',
    'usr-writable no',
    'root-writable no',
    'proc-sys-writable no',
    'proc-sys-own-writable no',
    'input-writable no',
    'namespaces-nest no',
    'workspace-writable yes',
    'input-readable yes',
  ].join('\n')

  test.each([
    [/NoNewPrivs:\t1/, 'NoNewPrivs:\t0', 'NoNewPrivs: is 0, not 1'],
    [/CapEff:\t0+/, 'CapEff:\t0000000000200000', 'CapEff: is 0000000000200000, not 0000000000000000'],
    [/interfaces .*/, 'interfaces  eth0    lo', 'interfaces is eth0    lo, not lo'],
    [/environment PATH/, 'environment DATABASE_URL PATH', 'DATABASE_URL is in the environment'],
    [/root bin/, 'root bin home', '/home is visible'],
    [/usr-writable no/, 'usr-writable yes', 'usr-writable is yes, not no'],
    [/input-writable no\n/, '', 'input-writable is unknown, not no'],
    [/pid 3/, 'pid 4711', 'its pid is 4711'],
  ])('%s replaced by %j is a failure', (pattern, replacement, failure) => {
    expect(findDeviations(parseFacts(good))).toEqual([])
    expect(findDeviations(parseFacts(good.replace(pattern, replacement)))).toEqual([failure])
  })
})
