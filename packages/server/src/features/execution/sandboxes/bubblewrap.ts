import { join } from 'node:path'
import { countsSockets } from './cgroups.ts'
import {
  enterWithLimits,
  enterWithoutMountList,
  statusFd,
  temporaryBytes,
  wrapInOuterStage,
  type EnterOptions,
} from './isolated-launch.ts'
import { openIsolated, type Launch, type LaunchInput } from './isolated-sandbox.ts'
import { getProgram, viewOf, type SandboxHost } from './sandbox-host.ts'
import type { SandboxDriver, SandboxLimits } from './sandbox.ts'
import { createSeccompFilter } from './seccomp-filter.ts'
import type { Cover } from './view/covers.ts'
import { environment, etcFiles, nodePath, type SystemView } from './view/system-view.ts'

// An empty directory of the host, otherwise unused; the mount on it is visible only in the new mount namespace.
const stagingDir = '/mnt'
const firstDataFd = statusFd + 1

/** Isolation by bubblewrap 0.8 or later. */
export function createBubblewrapDriver(host: SandboxHost): SandboxDriver {
  return {
    name: 'bubblewrap',
    open: (options) => openIsolated({ ...options, host, launch: (input) => launchBubblewrap(host, input) }),
  }
}

function launchBubblewrap(host: SandboxHost, input: LaunchInput): Launch {
  const { limits, request, uid, cgroupFiles } = input
  const workspace = uid === undefined ? input.workspaceDir : stagingDir
  const filter = createSeccompFilter(process.arch, {
    memoryIsAccounted: host.cgroups !== undefined,
    socketsAreAccounted: countsSockets(host.cgroups),
    entersMountNamespace: true,
  })
  const data: Buffer[] = Object.values(etcFiles).map((text) => Buffer.from(text))
  const files = Object.keys(etcFiles).flatMap((name, index) =>
    words(`--perms 0444 --file ${firstDataFd + index} /etc/${name}`),
  )
  const seccomp = filter === undefined ? [] : ['--seccomp', String(firstDataFd + data.length)]
  const enter: EnterOptions = { host, limits, writesNothing: input.writesNothing }
  const inner = [
    getProgram('bwrap'),
    // The outer stage has made the network namespace and set its limits.
    ...words('--unshare-user --unshare-all --share-net --unshare-cgroup --disable-userns'),
    ...words('--uid 1000 --gid 1000 --hostname sandbox'),
    ...words('--die-with-parent --new-session --clearenv --as-pid-1'),
    // For the steps between bwrap and the agent's program, which drop them.
    ...words('--cap-add CAP_SYS_ADMIN --cap-add CAP_SYS_CHROOT --cap-add CAP_SETPCAP'),
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
    ...systemMounts(viewOf(host), limits),
    ...host.procMasks.flatMap(cover),
    ...files,
    ...['--bind', workspace, '/workspace'],
    ...['--ro-bind', join(workspace, 'input'), '/workspace/input'],
    ...words('--remount-ro / --chdir /workspace'),
    ...seccomp,
    '--',
    ...enterWithoutMountList([], enterWithLimits(enter, request)),
  ]
  if (filter !== undefined) data.push(filter.program)
  return {
    argv: wrapInOuterStage({ uid, cgroupFiles, lastFd: statusFd + data.length, workspaceAt: stagingDir }, inner),
    data,
    filtersSystemCalls: filter !== undefined,
  }
}

function systemMounts(view: SystemView, limits: SandboxLimits): string[] {
  const size = `--size ${temporaryBytes(limits)}`
  return [
    ...words('--perms 0755 --dir /etc'),
    ...view.binds.flatMap(({ source, path }) => ['--ro-bind', source, path]),
    ...view.links.flatMap(({ path, target }) => ['--symlink', target, path]),
    ...view.covers.flatMap(cover),
    ...(view.node === undefined ? [] : ['--ro-bind', view.node, nodePath]),
    // Mounted read-only, because its namespaces have settings that belong to their owner.
    ...words('--proc /proc --ro-bind /proc/sys /proc/sys --dev /dev'),
    ...words(`--perms 1777 ${size} --tmpfs /dev/shm --remount-ro /dev`),
    ...words(`--perms 1777 ${size} --tmpfs /tmp`),
  ]
}

function cover({ path, isDirectory }: Cover): string[] {
  if (!isDirectory) return ['--ro-bind', '/dev/null', path]
  return [...words('--perms 0555 --size 4096 --tmpfs'), path, '--remount-ro', path]
}

/** Splits a line of arguments that contain no blanks. */
function words(line: string): string[] {
  return line.split(' ')
}
