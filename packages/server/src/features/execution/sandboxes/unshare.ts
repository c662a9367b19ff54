import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { countsSockets } from './cgroups.ts'
import {
  enterWithLimits,
  enterWithoutMountList,
  statusFd,
  temporaryBytes,
  wrapInOuterStage,
} from './isolated-launch.ts'
import { openIsolated, type Launch, type LaunchInput } from './isolated-sandbox.ts'
import { findProgram, getProgram, viewOf, type SandboxHost } from './sandbox-host.ts'
import type { SandboxDriver, SandboxLimits } from './sandbox.ts'
import { createSeccompFilter } from './seccomp-filter.ts'
import type { Cover } from './view/covers.ts'
import { etcFiles, nodePath } from './view/system-view.ts'

const root = '/mnt'
const devices = ['null', 'zero', 'full', 'random', 'urandom'].map((name) => `/dev/${name}`)
const deviceLinks = ['fd', 'stdin', 'stdout', 'stderr'].map((name) => `/dev/${name}`)

// Runs as root of its own user namespace, with the workspace as current directory. One mount(8) reads all mounts from a
// table, which the mount on /tmp then hides. Only one more user namespace can be created: that of the agent's program.
const setupScript = `
set -e
umask 022
dirs=$1 files=$2 deviceLinks=$3 targets=$4 table=$5
shift 5
echo 1 > /proc/sys/user/max_user_namespaces
mount -n -t tmpfs -o size=1m,nr_inodes=500,mode=755,nosuid,nodev tmpfs ${root}
mkdir -p $dirs
for file in $files; do : > "$file"; done
cp -P --parents $deviceLinks ${root}
[ -z "$targets" ] || ln -s -t ${root} $targets
${Object.entries(etcFiles)
  .map(([name, text]) => `printf %s '${text}' > ${root}/etc/${name}`)
  .join('\n')}
printf '%s\\n' "$table" > ${root}/tmp/mounts
mount -n -c -a -T ${root}/tmp/mounts
hostname sandbox
cd ${root}
pivot_root . .
umount -l .
cd /workspace
mount -n -o remount,bind,ro /
exec "$@"
`

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
  const unshare = getProgram('unshare')
  const loader = seccompLoader(host)
  const inner = [
    unshare,
    '--user',
    '--map-root-user',
    '--mount',
    '--uts',
    '--ipc',
    '--cgroup',
    '--pid',
    '--fork',
    '--kill-child',
    '--',
    '/bin/sh',
    '-c',
    setupScript,
    'setup',
    ...describeRoot(host, limits),
    ...enterWithoutMountList(
      ['--user', '--map-user=1000', '--map-group=1000', '--keep-caps'],
      [...loader, ...enterWithLimits({ host, limits, writesNothing }, request)],
    ),
  ]
  return {
    argv: wrapInOuterStage({ uid, cgroupFiles, lastFd: statusFd }, inner),
    data: [],
    filtersSystemCalls: loader.length > 0,
  }
}

function seccompLoader(host: SandboxHost): string[] {
  const perl = findProgram('perl')
  const filter = createSeccompFilter(process.arch, {
    memoryIsAccounted: host.cgroups !== undefined,
    socketsAreAccounted: countsSockets(host.cgroups),
    entersMountNamespace: false,
  })
  if (perl === undefined || filter === undefined) return []
  return [perl, '-e', seccompScript, String(filter.prctlNumber), filter.program.toString('hex')]
}

/** The directories, files, links and mounts of the new root, in the form that the setup script expects. */
function describeRoot(
  host: SandboxHost,
  limits: SandboxLimits,
): [dirs: string, files: string, deviceLinks: string, targets: string, table: string] {
  const view = viewOf(host)
  const node = view.node === undefined ? [] : [{ source: view.node, path: nodePath, isDirectory: false }]
  const memory = `size=${temporaryBytes(limits)},nr_inodes=20000,mode=1777,nosuid,nodev`
  // Recursive, because the kernel refuses a bind that would uncover what the host has mounted over.
  const bind = ({ source, path }: { source: string; path: string }) =>
    `${escaped(source)} ${root}${escaped(path)} none rbind,ro,nosuid,nodev 0 0`
  const table = [
    ...view.binds.map(bind),
    ...view.covers.map(cover),
    ...node.map(bind),
    ...devices.map((path) => `${path} ${root}${path} none bind,nosuid,noexec 0 0`),
    `proc ${root}/proc proc nosuid,nodev,noexec 0 0`,
    `${root}/proc/sys ${root}/proc/sys none bind,ro,nosuid,nodev,noexec 0 0`,
    ...host.procMasks.map(cover),
    `tmpfs ${root}/dev/shm tmpfs ${memory} 0 0`,
    `tmpfs ${root}/tmp tmpfs ${memory} 0 0`,
    `. ${root}/workspace none bind,nosuid,nodev 0 0`,
    `./input ${root}/workspace/input none bind,ro,nosuid,nodev 0 0`,
  ]
  const binds = [...view.binds, ...node]
  const dirs = [
    ...binds.map(({ path, isDirectory }) => (isDirectory ? path : dirname(path))),
    ...['/etc', '/proc', '/dev/shm', '/tmp', '/workspace'],
  ]
  const files = [...binds.filter(({ isDirectory }) => !isDirectory).map(({ path }) => path), ...devices]
  return [
    dirs.map((path) => root + path).join(' '),
    files.map((path) => root + path).join(' '),
    deviceLinks.filter((path) => existsSync(path)).join(' '),
    view.links.map(({ target }) => target).join(' '),
    table.join('\n'),
  ]
}

function cover({ path, isDirectory }: Cover): string {
  return isDirectory
    ? `tmpfs ${root}${escaped(path)} tmpfs size=4k,nr_inodes=2,mode=555,ro,nosuid,nodev,noexec 0 0`
    : `/dev/null ${root}${escaped(path)} none bind,ro,nosuid,nodev,noexec 0 0`
}

/** A path as a field of mount(8)'s table. */
function escaped(path: string): string {
  return path.replaceAll(/[ \t\n\\#]/g, (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, '0')}`)
}
