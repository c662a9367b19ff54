// Allows one install at a time per checkout. Each holder creates the next numbered file with an atomic link; the
// highest number is the lock. If its holder has died, the next process creates a higher number. So no process takes
// over by deleting a file, which would be a race.
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { listOf, recordOf } from './json-value.mjs'

/** @typedef {{ pid: number, startedAt: unknown }} Holder */
/** @typedef {{ alsoHeldBy(pid: number): void }} InstallLock */

const waitLimitMs = 15 * 60_000
const pollMs = 200

/**
 * Runs `work` while holding the lock in `folder`; calls `onWait` once if another process holds it.
 * @template T
 * @param {string} folder
 * @param {(lock: InstallLock) => Promise<T>} work
 * @param {(pid: number) => void} [onWait]
 * @returns {Promise<T>}
 */
export async function withInstallLock(folder, work, onWait = () => {}) {
  mkdirSync(folder, { recursive: true })
  const lock = await acquire(folder, onWait)
  let holders = [identify(process.pid)]
  try {
    return await work({
      alsoHeldBy(pid) {
        holders = [...holders, identify(pid)]
        write(lock, holders)
      },
    })
  } finally {
    write(lock, [])
  }
}

/**
 * @param {string} folder
 * @param {(pid: number) => void} onWait
 */
async function acquire(folder, onWait) {
  const deadline = Date.now() + waitLimitMs
  let waited = false
  for (;;) {
    const number = highest(folder)
    const owner = findHolder(join(folder, `${number}.lock`))
    if (!owner && claim(folder, number + 1)) return join(folder, `${number + 1}.lock`)
    if (owner && !waited) onWait(owner.pid)
    waited ||= owner !== undefined
    if (Date.now() > deadline)
      throw new Error(`Another install (process ${owner?.pid}) has held ${folder} for too long.`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/**
 * @param {string} folder
 * @param {number} number
 */
function claim(folder, number) {
  const draft = join(folder, `draft.${process.pid}`)
  const lock = join(folder, `${number}.lock`)
  write(draft, [identify(process.pid)])
  try {
    linkSync(draft, lock)
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
  // A slow process may create a number again after it was cleaned up; then a higher number exists.
  if (highest(folder) !== number) {
    rmSync(lock, { force: true })
    return false
  }
  for (const older of numbers(folder)) if (older < number) rmSync(join(folder, `${older}.lock`), { force: true })
  return true
}

/** @param {string} folder */
function numbers(folder) {
  return readdirSync(folder).flatMap((name) => (/^\d+\.lock$/.test(name) ? [Number.parseInt(name, 10)] : []))
}

/** @param {string} folder */
function highest(folder) {
  return Math.max(0, ...numbers(folder))
}

/**
 * @param {string} path
 * @param {readonly Holder[]} holders
 */
function write(path, holders) {
  const draft = `${path}.${process.pid}.draft`
  writeFileSync(draft, JSON.stringify(holders))
  renameSync(draft, path)
}

/**
 * The process that holds the lock, if one of its holders is still alive.
 * @param {string} path
 */
function findHolder(path) {
  return readHolders(path).find(({ pid, startedAt }) => isAlive(pid) && identify(pid).startedAt === startedAt)
}

/**
 * @param {string} path
 * @returns {Holder[]}
 */
function readHolders(path) {
  try {
    return listOf(JSON.parse(readFileSync(path, 'utf8'))).flatMap((value) => {
      const { pid, startedAt } = recordOf(value)
      return typeof pid === 'number' ? [{ pid, startedAt }] : []
    })
  } catch {
    return []
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
}

/**
 * The start time distinguishes a live holder from another process that got the same pid later (Linux only).
 * @param {number} pid
 * @returns {Holder}
 */
function identify(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return { pid, startedAt: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] }
  } catch {
    return { pid, startedAt: undefined }
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
function hasCode(error, code) {
  return error instanceof Error && 'code' in error && error.code === code
}
