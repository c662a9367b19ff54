import { spawnSync } from 'node:child_process'
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { EmbeddedPostgresUnavailable } from './embedded-postgres-unavailable.ts'
import { launchEnvironment } from './launcher.ts'

export interface DataDirLock {
  /** Releases the lock; idempotent. The kernel also releases it when the process dies. */
  release(): void
}

// Names the owner in the message, and distinguishes a live owner from a dying one. The lock itself is in the kernel.
const Owner = Type.Object({ pid: Type.Integer({ minimum: 1 }), startedTicks: Type.String() })
type Owner = Static<typeof Owner>

const dyingOwnerWaitMs = 1_000
const darwinExclusiveLock = 0x20

/** Makes this process the only server on DATA_DIR; throws EmbeddedPostgresUnavailable if another one is alive. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const path = join(dataDir, 'postgres.lock')
  const deadline = Date.now() + dyingOwnerWaitMs
  for (;;) {
    const descriptor = tryLock(path)
    if (descriptor !== undefined) return recordOwner(descriptor)
    const owner = readOwner(path)
    if (isAlive(owner) || Date.now() > deadline) throw inUse(dataDir, owner)
    await sleep(25)
  }
}

function inUse(dataDir: string, owner: Owner | undefined): EmbeddedPostgresUnavailable {
  const who = owner === undefined ? '' : ` (pid ${owner.pid})`
  return new EmbeddedPostgresUnavailable(
    `Another server${who} uses DATA_DIR ${dataDir}`,
    EmbeddedPostgresUnavailable.orOwnDatabase('stop it, choose another DATA_DIR'),
  )
}

function tryLock(path: string): number | undefined {
  return process.platform === 'darwin' ? openLocked(path) : openThenLock(path)
}

function openLocked(path: string): number | undefined {
  const { O_RDWR, O_CREAT, O_NONBLOCK } = constants
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NONBLOCK | darwinExclusiveLock, 0o600)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EWOULDBLOCK'))
      return undefined
    throw error
  }
}

// Node has no flock(2). The lock belongs to the open file, so flock(1) takes it on the inherited descriptor, and it
// is kept when flock exits.
function openThenLock(path: string): number | undefined {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  const { status, error, stderr } = spawnSync('flock', ['-n', '-x', '3'], {
    env: launchEnvironment,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe', descriptor],
  })
  if (status === 0) return descriptor
  closeSync(descriptor)
  if (status === 1) return undefined
  const reason = error?.message ?? stderr
  throw new EmbeddedPostgresUnavailable(`The embedded PostgreSQL cannot lock ${path} (${reason})`)
}

function recordOwner(descriptor: number): DataDirLock {
  let isHeld = true
  const release = (): void => {
    if (isHeld) closeSync(descriptor)
    isHeld = false
  }
  try {
    const owner: Owner = { pid: process.pid, startedTicks: startedTicks(process.pid) ?? '' }
    ftruncateSync(descriptor)
    writeSync(descriptor, `${JSON.stringify(owner)}\n`, 0)
    return { release }
  } catch (error) {
    release()
    throw error
  }
}

function readOwner(path: string): Owner | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return Value.Check(Owner, record) ? record : undefined
  } catch {
    return undefined
  }
}

function isAlive(owner: Owner | undefined): boolean {
  if (owner === undefined) return false
  if (process.platform === 'linux') return startedTicks(owner.pid) === owner.startedTicks
  try {
    return process.kill(owner.pid, 0)
  } catch {
    return false
  }
}

/**
 * The start time of a process in clock ticks since boot. With the pid it identifies a process uniquely.
 * Undefined if the process has ended or is a zombie.
 */
function startedTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
