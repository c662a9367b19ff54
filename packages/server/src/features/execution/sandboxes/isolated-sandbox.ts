import { countsSockets, leaseCgroups, type CgroupLease } from './cgroups.ts'
import { runIsolated } from './isolated-process.ts'
import { assignWorkspaceUid, type SandboxHost } from './sandbox-host.ts'
import type { ExecRequest, ExecResult, Sandbox, SandboxLimits, SandboxOptions } from './sandbox.ts'
import { filesMaxDefault } from './usage/disk-watch.ts'
import { copySharedInputs } from './shared-inputs.ts'
import { measureWorkspace, type WorkspaceUsage } from './usage/workspace-usage.ts'

export interface LaunchInput {
  readonly workspaceDir: string
  readonly limits: SandboxLimits
  readonly request: ExecRequest
  /** The uid to drop to; undefined when the server is an ordinary user. */
  readonly uid: number | undefined
  readonly cgroupFiles: readonly string[]
  readonly writesNothing: boolean
}

/** A self-isolating command, and the data for it on the file descriptors 4, 5, … */
export interface Launch {
  readonly argv: readonly string[]
  readonly data: readonly Buffer[]
  /** Whether a system call filter applies to the agent's programs. */
  readonly filtersSystemCalls: boolean
}

export interface IsolatedSandboxOptions extends SandboxOptions {
  readonly host: SandboxHost
  launch(input: LaunchInput): Launch
}

const noGroups: CgroupLease = {
  procsFiles: [],
  countOomKills: () => Promise.resolve(0),
  release: () => Promise.resolve(),
}
const fileSizeExceededCode = 128 + 25

/** A sandbox whose executions are self-isolating process trees; the drivers differ only in the command. */
export async function openIsolated(options: IsolatedSandboxOptions): Promise<Sandbox> {
  const { host, workspaceDir } = options
  const uid = host.uids === undefined ? undefined : await assignWorkspaceUid(workspaceDir, host.uids)
  return {
    async exec(request) {
      if (request.signal?.aborted === true) return abortedBeforeStart()
      const { limits } = options
      // Counts further than the limit: what is too much now is allowed until it is cleaned up.
      const before = await measureWorkspace(workspaceDir, 2 * Math.max(limits.filesMax ?? 0, filesMaxDefault))
      const groups = host.cgroups === undefined ? noGroups : await leaseCgroups(host.cgroups, limits)
      try {
        const writesNothing = isFull(before, limits)
        const launch = options.launch({
          workspaceDir,
          limits,
          request,
          uid,
          cgroupFiles: groups.procsFiles,
          writesNothing,
        })
        // A lease on a file that is shared would hold up the server; only the filter refuses leases.
        if (uid === undefined && !launch.filtersSystemCalls) await copySharedInputs(workspaceDir)
        const watch = {
          workspaceDir,
          limits,
          before,
          memoryIsAccounted: host.cgroups !== undefined,
          socketsAreAccounted: countsSockets(host.cgroups),
          threadsShareFiles: launch.filtersSystemCalls,
          buffersAreFixed: launch.filtersSystemCalls,
        }
        const end = await runIsolated({ launch, request, watch, pipes: host.pipes })
        return { ...end, reason: await reasonOf(end, groups) }
      } finally {
        await groups.release()
      }
    },
  }
}

function isFull(usage: WorkspaceUsage, limits: SandboxLimits): boolean {
  return usage.bytes >= limits.diskBytes || usage.files > (limits.filesMax ?? filesMaxDefault)
}

async function reasonOf(end: ExecResult, groups: CgroupLease): Promise<ExecResult['reason']> {
  if (end.reason !== 'exited' || end.exitCode === 0) return end.reason
  if ((await groups.countOomKills()) > 0) return 'memory-limit'
  return end.exitCode === fileSizeExceededCode ? 'disk-limit' : 'exited'
}

function abortedBeforeStart(): ExecResult {
  const nothing = { stdout: '', stderr: '', stdoutTruncated: false, stderrTruncated: false }
  return { exitCode: null, signal: null, ...nothing, reason: 'aborted', durationMs: 0 }
}
