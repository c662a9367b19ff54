import { readFile } from 'node:fs/promises'
import type { Log } from '../../../platform/log/log.ts'
import { createBubblewrapDriver } from './bubblewrap.ts'
import { openCgroups } from './cgroups.ts'
import { checkIsolation } from './isolation-check.ts'
import { PipePool } from './pipe-pool.ts'
import { chooseUidRange, getProgram, viewOf, type SandboxHost } from './sandbox-host.ts'
import { SandboxError, type SandboxDriver } from './sandbox.ts'
import { createUnshareDriver } from './unshare.ts'
import { listHiddenPlaces, type HiddenPlace } from './view/hidden-places.ts'
import { findProcMasks } from './view/proc-masks.ts'

export type SandboxDetection =
  | { readonly available: true; readonly driver: SandboxDriver }
  /** One line: what is missing and what to do. */
  | { readonly available: false; readonly reason: string }

export type SandboxPreference = 'auto' | 'bubblewrap' | 'unshare' | 'off'

export interface DetectOptions {
  readonly preference: SandboxPreference
  readonly log: Log
  /** The paths that the configuration names. No sandbox shows them, nor the code, HOME and the temporary directory. */
  readonly hidden: readonly HiddenPlace[]
  /** Short-lived files are kept below it; without it, in the system's temporary directory. */
  readonly dataDir?: string
}

const candidates = [
  {
    name: 'bubblewrap',
    programs: ['bwrap', 'setpriv', 'unshare', 'chroot', 'env', 'prlimit', 'mount'],
    create: createBubblewrapDriver,
  },
  {
    name: 'unshare',
    programs: ['unshare', 'setpriv', 'chroot', 'env', 'prlimit', 'mount', 'umount', 'pivot_root', 'hostname'],
    create: createUnshareDriver,
  },
] as const

const advice =
  'Install bubblewrap 0.8 or later and allow user namespaces (sysctl user.max_user_namespaces above 0; ' +
  'kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0 where they exist; ' +
  'in a container, an unmasked /proc), or set SANDBOX=off.'

/** The first allowed driver that isolates on this host, verified by a probe inside it. Nothing runs unisolated. */
export async function detectSandbox({ preference, log, hidden, dataDir }: DetectOptions): Promise<SandboxDetection> {
  if (preference === 'off')
    return { available: false, reason: 'SANDBOX=off: tools that need a sandbox are switched off.' }
  if (process.platform !== 'linux')
    return { available: false, reason: `Sandboxes need Linux; this is ${process.platform}.` }
  const failures: string[] = []
  const wanted = candidates.filter(({ name }) => preference === 'auto' || preference === name)
  try {
    const host = await describeHost(hidden, dataDir)
    for (const candidate of wanted) {
      const outcome = await tryCandidate(candidate, host, dataDir)
      if ('driver' in outcome) {
        logChoice(log, host, { name: candidate.name, filtersSystemCalls: outcome.filtersSystemCalls, failures })
        return { available: true, driver: outcome.driver }
      }
      failures.push(`${candidate.name}: ${outcome.failure}`)
    }
  } catch (error) {
    failures.push(oneLine(error))
  }
  return { available: false, reason: `No sandbox on this host (${failures.join('; ')}). ${advice}` }
}

async function describeHost(configured: readonly HiddenPlace[], dataDir: string | undefined): Promise<SandboxHost> {
  return {
    hidden: listHiddenPlaces(configured),
    procMasks: findProcMasks(),
    uids: process.getuid?.() === 0 ? await chooseUidRange() : undefined,
    cgroups: await openCgroups(),
    pipes: new PipePool(dataDir),
    countsProcessesPerNamespace: await isKernelAtLeast(5, 14),
  }
}

type CandidateResult =
  | { readonly driver: SandboxDriver; readonly filtersSystemCalls: boolean }
  | { readonly failure: string }

async function tryCandidate(
  { programs, create }: (typeof candidates)[number],
  host: SandboxHost,
  dataDir: string | undefined,
): Promise<CandidateResult> {
  try {
    programs.forEach(getProgram)
    const driver = create(host)
    return { driver, ...(await checkIsolation(driver, host.hidden, dataDir)) }
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    return { failure: oneLine(error) }
  }
}

function logChoice(
  log: Log,
  host: SandboxHost,
  found: { name: string; filtersSystemCalls: boolean; failures: readonly string[] },
): void {
  log.info(
    {
      driver: found.name,
      passedOver: found.failures,
      runsAs: host.uids === undefined ? "the server's own uid" : 'a uid of its own',
      limits:
        host.cgroups === undefined
          ? 'rlimits and sampling only: cgroups cannot be written'
          : `rlimits and cgroup ${host.cgroups.version}`,
      systemCallFilter: found.filtersSystemCalls,
      node: viewOf(host).node === undefined ? "not shown: the sandbox's user cannot enter its directory" : 'shown',
    },
    'Sandbox tools run in isolation.',
  )
  if (host.cgroups === undefined) {
    log.warn(
      'Nothing on this host enforces the memory of a sandbox: it is sampled, and programs get fewer processes and ' +
        'open files. Give the server a control group of its own: start it with `systemd-run --user --scope`, or as a ' +
        'systemd service with Delegate=yes.',
    )
  }
  if (!found.filtersSystemCalls) log.warn('The sandbox has no system call filter: install perl, or use bubblewrap.')
  if (host.uids === undefined && !host.countsProcessesPerNamespace && host.cgroups === undefined) {
    log.warn(
      'The process limit of a sandbox is only approximate: ' +
        'an exact one needs Linux 5.14, cgroups, or a server that runs as root.',
    )
  }
}

async function isKernelAtLeast(major: number, minor: number): Promise<boolean> {
  const [hostMajor = 0, hostMinor = 0] = (await readFile('/proc/sys/kernel/osrelease', 'utf8'))
    .split('.')
    .map((part) => parseInt(part, 10))
  return hostMajor > major || (hostMajor === major && hostMinor >= minor)
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replaceAll(/\s*\n\s*/g, '; ')
}
