import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedPostgresUnavailable } from './embedded-postgres-unavailable.ts'
import { launchEnvironment } from './launcher.ts'

/**
 * Waits until the PostgreSQL of a killed server has shut down. Requires the lock of DATA_DIR.
 * Throws EmbeddedPostgresUnavailable if a process still runs at `deadlineMs` (epoch milliseconds).
 */
export async function waitForPredecessor(clusterDir: string, deadlineMs: number): Promise<void> {
  const signalled = new Set<number>()
  for (;;) {
    const running = findClusterProcesses(clusterDir)
    if (running.length === 0) break
    if (Date.now() > deadlineMs) throw stillRunning(clusterDir, running)
    // Backends without a postmaster only block the cluster, a busy one until its query ends.
    const postmaster = readPostmasterPid(clusterDir)
    if (postmaster === undefined || !running.includes(postmaster)) quitOnce(running, signalled)
    await sleep(20)
  }
  removeForeignPidFile(clusterDir)
}

function stillRunning(clusterDir: string, running: readonly number[]): EmbeddedPostgresUnavailable {
  return new EmbeddedPostgresUnavailable(
    `A PostgreSQL that this server did not start (pid ${running.join(', ')}) still runs in ${clusterDir}`,
    EmbeddedPostgresUnavailable.orOwnDatabase('stop it'),
  )
}

function quitOnce(pids: readonly number[], signalled: Set<number>): void {
  for (const pid of pids.filter((candidate) => !signalled.has(candidate))) {
    signalled.add(pid)
    signal(pid, 'SIGQUIT')
  }
}

// PostgreSQL mistakes any live process of this user with the recorded pid for a postmaster, and would never start.
function removeForeignPidFile(clusterDir: string): void {
  const pid = readPostmasterPid(clusterDir)
  if (pid !== undefined && signal(pid, 0)) rmSync(join(clusterDir, 'postmaster.pid'), { force: true })
}

function readPostmasterPid(clusterDir: string): number | undefined {
  try {
    const pid = Math.abs(Number.parseInt(readFileSync(join(clusterDir, 'postmaster.pid'), 'utf8'), 10))
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** The pids of the PostgreSQL processes that use this data directory. */
export function findClusterProcesses(clusterDir: string): number[] {
  return process.platform === 'linux' ? findByWorkingDirectory(clusterDir) : findByCommandLine(clusterDir)
}

function findByWorkingDirectory(clusterDir: string): number[] {
  const cluster = statSync(clusterDir)
  const isOurs = (pid: string): boolean => {
    try {
      const directory = statSync(`/proc/${pid}/cwd`)
      if (directory.ino !== cluster.ino || directory.dev !== cluster.dev) return false
      return readFileSync(`/proc/${pid}/comm`, 'utf8') === 'postgres\n'
    } catch {
      return false
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isOurs(name))
    .map(Number)
}

function findByCommandLine(clusterDir: string): number[] {
  const { stdout } = spawnSync('ps', ['-axo', 'pid=,command='], { env: launchEnvironment, encoding: 'utf8' })
  const lines = stdout.split('\n').filter((line) => line.includes(`postgres -D ${clusterDir} `))
  return lines.map((line) => Number.parseInt(line, 10)).filter((pid) => pid > 0)
}
