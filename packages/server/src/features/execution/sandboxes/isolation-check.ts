import { readlink, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SandboxError, type SandboxDriver } from './sandbox.ts'
import { makeTemporaryDir } from './temporary-dir.ts'
import type { HiddenPlace } from './view/hidden-places.ts'
import { placeMarkers, withMountPoints, type Markers } from './view/probe-markers.ts'
import { realPathOf } from './view/real-path.ts'
import { environment, requiredPaths, viewedPaths } from './view/system-view.ts'
import { createWorkspace } from './workspace.ts'

const namespaces = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'] as const
const limits = { memoryBytes: 128 * 1024 * 1024, processesMax: 16, diskBytes: 1024 * 1024, cpuSeconds: 5 }

// Checks the host name first: outside a sandbox it must not try to write anything.
const probeScript = `
[ "$(uname -n)" = sandbox ] || { echo 'outside yes'; exit 99; }
echo "uid $(id -u)"
echo "pid $$"
for name in ${namespaces.join(' ')}; do echo "ns-$name $(readlink /proc/self/ns/$name)"; done
grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status
echo "root $(ls / | tr '\\n' ' ')"
echo "environment $(env | cut -d = -f 1 | tr '\\n' ' ')"
echo "interfaces $(tail -n +3 /proc/net/dev | cut -d : -f 1 | tr -d '\\n')"
try() { name=$1; shift; if "$@" 2>/dev/null; then echo "$name yes"; else echo "$name no"; fi; }
try mounts-listed grep -qs . /proc/self/mountinfo /proc/1/mountinfo /proc/mounts
try kernel-readable sh -c 'cat /proc/config.gz /proc/cmdline /proc/kallsyms /proc/keys | head -c 1 | grep -q .'
try first-process-readable sh -c 'cat /proc/1/environ | head -c 1 | grep -q .'
try etc-shadow-visible test -e /etc/shadow
try usr-writable sh -c ': > /usr/.appstrate-probe'
try root-writable sh -c ': > /.appstrate-probe'
try proc-sys-writable sh -c 'echo other > /proc/sys/kernel/hostname'
try proc-sys-own-writable sh -c 'cat /proc/sys/kernel/shmmni > /proc/sys/kernel/shmmni'
try input-writable sh -c ': > /workspace/input/probe'
try namespaces-nest unshare --user true
try workspace-writable sh -c ': > /workspace/probe && rm /workspace/probe'
try input-readable test -r /workspace/input/readable
echo "control $(stat -c %d:%i -- /workspace/input/readable)"
number=0
for path; do
  identity=$(stat -c %d:%i -- "$path" 2>/dev/null) && echo "entry-$number $identity"
  number=$((number + 1))
done
exit 0
`

const expected: Readonly<Record<string, string>> = {
  uid: '1000',
  'CapPrm:': '0000000000000000',
  'CapEff:': '0000000000000000',
  'CapBnd:': '0000000000000000',
  'CapInh:': '0000000000000000',
  'CapAmb:': '0000000000000000',
  'NoNewPrivs:': '1',
  interfaces: 'lo',
  'mounts-listed': 'no',
  'kernel-readable': 'no',
  'first-process-readable': 'no',
  'etc-shadow-visible': 'no',
  'usr-writable': 'no',
  'root-writable': 'no',
  'proc-sys-writable': 'no',
  'proc-sys-own-writable': 'no',
  'input-writable': 'no',
  'namespaces-nest': 'no',
  'workspace-writable': 'yes',
  'input-readable': 'yes',
}
const rootEntries = new Set([
  'bin',
  'dev',
  'etc',
  'lib',
  'lib32',
  'lib64',
  'libx32',
  'proc',
  'sbin',
  'tmp',
  'usr',
  'workspace',
])
const environmentNames = new Set([...Object.keys(environment), 'PWD', 'OLDPWD', 'SHLVL', '_'])

/**
 * Runs a probe with the driver and checks that it was isolated and that it saw nothing of the hidden places. Throws
 * SandboxError with everything that is wrong. Resolves to whether a system call filter is active. The probe's workspace
 * is below `dataDir`, as those of runs are.
 */
export async function checkIsolation(
  driver: SandboxDriver,
  hidden: readonly HiddenPlace[],
  dataDir?: string,
): Promise<{ filtersSystemCalls: boolean }> {
  assertNotRequired(hidden)
  const dir = await makeTemporaryDir(dataDir, 'probe')
  const places = [...hidden, { name: 'the probe', path: dir }]
  const markers = await placeMarkers(withMountPoints(places, { required: requiredPaths, all: viewedPaths }))
  try {
    const workspace = await createWorkspace(dir, 'probe')
    await writeFile(join(workspace.dir, 'input', 'readable'), '')
    const control = await stat(join(workspace.dir, 'input', 'readable'), { bigint: true })
    const sandbox = await driver.open({ workspaceDir: workspace.dir, limits })
    const result = await sandbox.exec({
      argv: ['/bin/sh', '-c', probeScript, 'probe', ...markers.all.map(({ path }) => path)],
      timeoutMs: 30_000,
      outputBytesMax: 262_144,
    })
    const facts = parseFacts(result.stdout)
    const failures = [
      ...findDeviations(facts),
      ...(await findSharedNamespaces(facts)),
      ...findVisible(facts, markers.all),
      // What the sandbox may show must be found, or the search has proved nothing.
      ...(facts.get('control') === `${control.dev}:${control.ino}` ? [] : ['the probe cannot compare files']),
      ...(result.stdoutTruncated ? ['the probe printed too much'] : []),
    ]
    if (result.reason !== 'exited' || result.exitCode !== 0)
      failures.push(`the probe ended with ${result.reason} ${result.exitCode ?? ''}`)
    if (failures.length > 0) throw new SandboxError(`it does not isolate: ${failures.join('; ')}`)
    await markers.assertPresent()
    return { filtersSystemCalls: facts.get('Seccomp:') === '2' }
  } finally {
    await markers.remove()
    await rm(dir, { recursive: true, force: true })
  }
}

function assertNotRequired(hidden: readonly HiddenPlace[]): void {
  const required = new Set(requiredPaths.map(realPathOf))
  for (const { name, path } of hidden) {
    const real = realPathOf(path)
    if (real !== undefined && required.has(real))
      throw new SandboxError(
        `${name} is ${path}, whose programs and libraries a sandbox needs: choose another directory`,
      )
  }
}

function findVisible(facts: ReadonlyMap<string, string>, markers: Markers['all']): string[] {
  const visible = markers.filter(({ identity }, index) => facts.get(`entry-${index}`) === identity)
  return [
    ...new Set(
      visible.map(({ name, path }) => `${name} is visible (${path}): move it to a directory without programs`),
    ),
  ]
}

/** The differences between the probe's facts and the expected ones, as text. */
export function findDeviations(facts: ReadonlyMap<string, string>): string[] {
  const wrong = Object.entries(expected)
    .filter(([name, value]) => facts.get(name) !== value)
    .map(([name, value]) => `${name} is ${facts.get(name) ?? 'unknown'}, not ${value}`)
  const foreign = wordsOf(facts.get('root'))
    .filter((name) => !rootEntries.has(name))
    .map((name) => `/${name} is visible`)
  const inherited = wordsOf(facts.get('environment'))
    .filter((name) => !environmentNames.has(name))
    .map((name) => `${name} is in the environment`)
  const pid = Number(facts.get('pid') ?? NaN)
  return [...wrong, ...foreign, ...inherited, ...(pid < 100 ? [] : [`its pid is ${facts.get('pid') ?? 'unknown'}`])]
}

export function parseFacts(stdout: string): Map<string, string> {
  return new Map(
    stdout
      .split('\n')
      .map((line) => /^(\S+)\s+(.*?)\s*$/.exec(line))
      .flatMap((match) => (match === null ? [] : [[match[1] ?? '', match[2] ?? '']])),
  )
}

async function findSharedNamespaces(facts: ReadonlyMap<string, string>): Promise<string[]> {
  const checks = await Promise.all(
    namespaces.map(async (name) => {
      const ours = await readlink(`/proc/self/ns/${name}`)
      const theirs = facts.get(`ns-${name}`)
      return theirs === undefined || theirs === '' || theirs === ours ? [`the ${name} namespace is the server's`] : []
    }),
  )
  return checks.flat()
}

const wordsOf = (text: string | undefined) => (text ?? '').split(' ').filter((word) => word !== '')
