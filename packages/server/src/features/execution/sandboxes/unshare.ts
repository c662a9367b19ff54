import { existsSync } from 'node:fs'
import { enterWithLimits, statusFd, temporaryBytes, wrapInOuterStage } from './isolated-launch.ts'
import { openIsolated, type Launch, type LaunchInput } from './isolated-sandbox.ts'
import { findProgram, getProgram, type SandboxHost } from './sandbox-host.ts'
import type { SandboxDriver, SandboxLimits } from './sandbox.ts'
import { createSeccompFilter } from './seccomp-filter.ts'
import { etcFiles, etcViews, systemDirs } from './system-view.ts'

const root = '/mnt'
const devices = ['null', 'zero', 'full', 'random', 'urandom'].map((name) => `/dev/${name}`)
const deviceLinks = ['fd', 'stdin', 'stdout', 'stderr'].map((name) => `/dev/${name}`)

// Runs as root of its own user namespace, with the workspace as current directory. One mount(8) reads all mounts from a
// table, which the mount on /tmp then hides. Only one more user namespace can be created: that of the agent's program.
const setupScript = `
set -e
umask 022
dirs=$1 files=$2 links=$3 table=$4
shift 4
echo 1 > /proc/sys/user/max_user_namespaces
mount -n -t tmpfs -o size=1m,nr_inodes=500,mode=755,nosuid,nodev tmpfs ${root}
mkdir -p $dirs
for file in $files; do : > "$file"; done
cp -P --parents $links ${root}
${Object.entries(etcFiles)
  .map(([name, text]) => `printf %s '${text}' > ${root}/etc/${name}`)
  .join('\n')}
echo "$table" > ${root}/tmp/mounts
mount -n -c -a -T ${root}/tmp/mounts
hostname sandbox
cd ${root}
pivot_root . .
umount -l .
cd /workspace
mount -n -o remount,bind,ro /
exec "$@"
`

// The first process of the sandbox: reaps orphans, and ends all others when the agent's program exits. It stays in the
// outer user namespace, out of reach of that program, with the one capability that maps its uid into an inner one.
const initScript = '"$@"; exit $?'

// util-linux 2.38 cannot load a filter, but every Debian has perl. The filter applies to everything started after it.
const seccompScript = `
my ($prctl, $hex) = splice @ARGV, 0, 2;
my $filter = pack 'H*', $hex;
my $program = pack 'S x![P] P', length($filter) / 8, $filter;
syscall($prctl + 0, 38, 1, 0, 0, 0) == 0 && syscall($prctl + 0, 22, 2, $program, 0, 0) == 0 or die "seccomp: $!\\n";
exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\\n";
`

/** Isolation by util-linux alone, for hosts without bubblewrap; loads a system call filter where perl is installed. */
export function createUnshareDriver(host: SandboxHost): SandboxDriver {
  return {
    name: 'unshare',
    open: (options) => openIsolated({ ...options, host, launch: (input) => launchUnshare(host, input) }),
  }
}

function launchUnshare(host: SandboxHost, input: LaunchInput): Launch {
  const { limits, request, uid, cgroupFiles, writesNothing } = input
  const dropped = ['--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all', '--no-new-privs', '--']
  const setpriv = getProgram('setpriv')
  const unshare = getProgram('unshare')
  const inner = [
    unshare,
    '--user',
    '--map-root-user',
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--cgroup',
    '--pid',
    '--fork',
    '--kill-child',
    '--',
    '/bin/sh',
    '-c',
    setupScript,
    'setup',
    ...describeRoot(limits),
    setpriv,
    '--bounding-set=-all,+setfcap',
    '--no-new-privs',
    '--',
    '/bin/sh',
    '-c',
    initScript,
    'init',
    unshare,
    '--user',
    '--map-user=1000',
    '--map-group=1000',
    '--keep-caps',
    '--',
    setpriv,
    ...dropped,
    ...seccompLoader(host),
    ...enterWithLimits({ host, limits, writesNothing }, request),
  ]
  return { argv: wrapInOuterStage({ uid, cgroupFiles, lastFd: statusFd }, inner), data: [] }
}

function seccompLoader(host: SandboxHost): string[] {
  const perl = findProgram('perl')
  const filter = createSeccompFilter(process.arch, { memoryIsAccounted: host.cgroups !== undefined })
  if (perl === undefined || filter === undefined) return []
  return [perl, '-e', seccompScript, String(filter.prctlNumber), filter.program.toString('hex')]
}

/** The directories, files, links and mounts of the new root, in the form that the setup script expects. */
function describeRoot(limits: SandboxLimits): [dirs: string, files: string, links: string, table: string] {
  const system = systemDirs()
  const views = etcViews.filter(({ path }) => existsSync(path))
  const binds = [...system.filter(({ isLink }) => !isLink), ...views].map(({ path }) => path)
  const fileViews: string[] = views.filter(({ isDirectory }) => !isDirectory).map(({ path }) => path)
  const memory = `size=${temporaryBytes(limits)},nr_inodes=20000,mode=1777,nosuid,nodev`
  const table = [
    ...binds.map((path) => `${path} ${root}${path} none bind,ro,nosuid,nodev 0 0`),
    ...devices.map((path) => `${path} ${root}${path} none bind,nosuid,noexec 0 0`),
    `proc ${root}/proc proc nosuid,nodev,noexec 0 0`,
    `${root}/proc/sys ${root}/proc/sys none bind,ro,nosuid,nodev,noexec 0 0`,
    `tmpfs ${root}/dev/shm tmpfs ${memory} 0 0`,
    `tmpfs ${root}/tmp tmpfs ${memory} 0 0`,
    `. ${root}/workspace none bind,nosuid,nodev 0 0`,
    `./input ${root}/workspace/input none bind,ro,nosuid,nodev 0 0`,
  ]
  const dirs = [...binds.filter((path) => !fileViews.includes(path)), '/etc', '/proc', '/dev/shm', '/tmp', '/workspace']
  return [
    dirs.map((path) => root + path).join(' '),
    [...fileViews, ...devices].map((path) => root + path).join(' '),
    [
      ...system.filter(({ isLink }) => isLink).map(({ path }) => path),
      ...deviceLinks.filter((path) => existsSync(path)),
    ].join(' '),
    table.join('\n'),
  ]
}
