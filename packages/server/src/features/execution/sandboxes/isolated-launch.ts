import { getProgram, type SandboxHost } from './sandbox-host.ts'
import type { ExecRequest, SandboxLimits } from './sandbox.ts'
import { tcpBufferBytes } from './usage/socket-memory.ts'
import { environment } from './view/system-view.ts'

/** The file descriptor on which the last stage reports that the agent's program is about to start. */
export const statusFd = 3

const gibibyte = 1024 ** 3

/** The size of /tmp and of /dev/shm, which are held in memory. */
export function temporaryBytes(limits: SandboxLimits): number {
  return Math.min(Math.floor(limits.memoryBytes / 4), 256 * 1024 * 1024)
}

// SIOCSIFFLAGS with IFF_UP and IFF_RUNNING.
const loopbackScript = 'socket my $s, 2, 2, 0; ioctl $s, 0x8914, pack "a16 s x22", "lo", 0x41 or exit 1'

// The first process of its own pid namespace. Exits if the server died before the death signal was set. Joins the
// cgroups. As root, mounts the workspace where a dropped uid can reach it: DATA_DIR can be below a closed directory.
// Closes descriptors that the server inherited without close-on-exec (with bash: POSIX sh has none above 9).
// The network namespace has a loopback interface only. Neither `ip` nor perl is everywhere.
const stageScript = `
server=$1 groups=$2 stage=$3 lastFd=$4
shift 4
parent_of() { read -r stat < "/proc/$1/stat" || exit 70; set -- \${stat##*) }; parent=$2; }
parent_of self
parent_of "$parent"
[ "$parent" = "$server" ] || exit 71
while [ "$groups" ]; do
  echo 0 > "\${groups%%:*}" || exit 72
  groups=\${groups#*:}
done
echo 500 > /proc/self/oom_score_adj
echo '4096 16384 ${tcpBufferBytes.sent}' > /proc/sys/net/ipv4/tcp_wmem || exit 74
echo '4096 65536 ${tcpBufferBytes.received}' > /proc/sys/net/ipv4/tcp_rmem || exit 75
ip link set lo up 2>/dev/null || perl -e '${loopbackScript}' 2>/dev/null || :
[ -z "$stage" ] || mount -n -c --bind . "$stage" || exit 73
extra=
for fd in /proc/self/fd/*; do
  [ "\${fd##*/}" -le "$lastFd" ] || [ ! -e "$fd" ] || extra="$extra \${fd##*/}"
done
[ -z "$extra" ] || exec bash -c 'for fd in $1; do eval "exec $fd>&-"; done; shift; exec "$@"' close "$extra" "$@"
exec "$@"
`

export interface OuterStage {
  readonly uid: number | undefined
  readonly cgroupFiles: readonly string[]
  /** The highest file descriptor that `inner` keeps. */
  readonly lastFd: number
  /** Where root mounts the workspace; undefined leaves it at the current directory. */
  readonly workspaceAt?: string
}

/** The command that runs `inner` in a pid namespace that dies with the server, in its cgroups, as the dropped uid. */
export function wrapInOuterStage(stage: OuterStage, inner: readonly string[]): string[] {
  const isRoot = stage.uid !== undefined
  // Private mounts: what the host mounts later must not appear in a running sandbox.
  const user = isRoot ? [] : ['--user', '--map-current-user', '--keep-caps']
  const namespaces = [...user, '--net', '--mount', '--propagation', 'private']
  const id = String(stage.uid)
  const drop = isRoot
    ? ['--reuid', id, '--regid', id, '--clear-groups']
    : // What the stage may do in its own user namespace.
      ['--inh-caps=-all', '--ambient-caps=-all']
  return [
    getProgram('setpriv'),
    '--pdeathsig',
    'KILL',
    '--',
    getProgram('unshare'),
    ...namespaces,
    '--pid',
    '--fork',
    '--kill-child',
    '--',
    '/bin/sh',
    '-c',
    stageScript,
    'stage',
    String(process.pid),
    stage.cgroupFiles.map((file) => `${file}:`).join(''),
    isRoot ? (stage.workspaceAt ?? '') : '',
    String(stage.lastFd),
    ...[getProgram('setpriv'), ...drop, '--pdeathsig', 'KILL', '--'],
    ...inner,
  ]
}

// Keeps the mount namespace in which the sandbox was set up, and its root, open for the next steps.
const keepRootScript = 'exec 8</proc/self/ns/mnt 9</; exec "$@"'

// The first process of the sandbox: reaps orphans, and ends all others when the agent's program exits. It holds the one
// capability that puts it out of reach of that program, and keeps the mounts of the sandbox in existence.
const initScript = '"$@"; exit $?'

/**
 * The command that moves the sandbox into a second mount namespace, but keeps the root of the first one. The kernel
 * lists only mounts of the process's namespace below its root, so /proc/…/mountinfo is empty: the list would contain
 * the path of the workspace on the host. `namespaces` are further arguments of unshare(1).
 */
export function enterWithoutMountList(namespaces: readonly string[], inner: readonly string[]): string[] {
  const drop = (kept: string) => [
    getProgram('setpriv'),
    ...['bounding-set', 'inh-caps', 'ambient-caps'].map((set) => `--${set}=-all${kept}`),
    '--no-new-privs',
    '--',
  ]
  return [
    ...['/bin/sh', '-c', keepRootScript, 'keep'],
    ...[getProgram('unshare'), ...namespaces, '--mount', '--propagation', 'unchanged', '--'],
    ...[getProgram('chroot'), '/proc/self/fd/9'],
    ...[getProgram('env'), '-i', ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)],
    ...drop(',+setpcap'),
    ...['/bin/sh', '-c', initScript, 'init'],
    ...drop(''),
    ...inner,
  ]
}

// The last step before the agent's program. Its report separates start failures from the program's own exit code.
const enterScript = `
cd /workspace && cd -- "$1" 2>/dev/null || { echo "no such directory" >&${statusFd}; exit 1; }
shift
echo started >&${statusFd}
exec ${statusFd}>&- 8<&- 9<&-
exec "$@"
`

export interface EnterOptions {
  readonly host: SandboxHost
  readonly limits: SandboxLimits
  /** Forbids writing to files, so that an overfull workspace can only be cleaned up. */
  readonly writesNothing: boolean
}

// The kernel counts here what is reserved but not used, such as the 512 MiB that V8 reserves for the code of each
// worker thread. The memory itself is limited by the cgroup or by the watcher; this bounds a growth between two looks.
function dataBytesMax({ cgroups }: SandboxHost, { memoryBytes }: SandboxLimits): number {
  return cgroups === undefined ? memoryBytes + 6 * gibibyte : Math.max(memoryBytes, 16 * gibibyte)
}

/** The command inside the namespaces: limits first, then the agent's program in its working directory. */
export function enterWithLimits(options: EnterOptions, request: ExecRequest): string[] {
  const { host, limits } = options
  // What the kernel holds for processes and open files is counted by cgroups only.
  const [processesMax, filesMax] = host.cgroups === undefined ? [64, 256] : [Infinity, 1024]
  // Init and the shells count too; on old kernels all other processes of the server's user as well.
  const others = host.uids !== undefined || host.countsProcessesPerNamespace ? 4 : 1024
  return [
    getProgram('prlimit'),
    `--nproc=${Math.min(limits.processesMax, processesMax) + others}`,
    `--data=${dataBytesMax(host, limits)}`,
    `--fsize=${options.writesNothing ? 0 : limits.diskBytes}`,
    `--cpu=${limits.cpuSeconds}`,
    `--nofile=${filesMax}`,
    '--core=0',
    '--memlock=65536',
    '--',
    '/bin/sh',
    '-c',
    enterScript,
    'enter',
    request.cwd ?? '.',
    ...request.argv,
  ]
}
