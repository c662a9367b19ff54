// One install at a time per checkout. Each holder creates the next numbered file with an atomic link; the highest number
// is the lock, and a holder that died leaves a number that anyone may follow. So there is no unlink race on takeover.
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const waitLimitMs = 15 * 60_000
const pollMs = 200

/** Runs `work({ alsoHeldBy })` while holding the lock in `folder`; calls `onWait` once if another process holds it. */
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

async function acquire(folder, onWait) {
  const deadline = Date.now() + waitLimitMs
  let waited = false
  for (;;) {
    const number = highest(folder)
    const owner = isHeld(join(folder, `${number}.lock`))
    if (!owner && claim(folder, number + 1)) return join(folder, `${number + 1}.lock`)
    if (owner && !waited) onWait(owner.pid)
    waited ||= owner !== undefined
    if (Date.now() > deadline)
      throw new Error(`Another install (process ${owner?.pid}) has held ${folder} for too long.`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

function claim(folder, number) {
  const draft = join(folder, `draft.${process.pid}`)
  const lock = join(folder, `${number}.lock`)
  write(draft, [identify(process.pid)])
  try {
    linkSync(draft, lock)
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
  // A slow process may recreate a number that was cleaned away; a higher one always still exists then.
  if (highest(folder) !== number) {
    rmSync(lock, { force: true })
    return false
  }
  for (const older of numbers(folder)) if (older < number) rmSync(join(folder, `${older}.lock`), { force: true })
  return true
}

function numbers(folder) {
  return readdirSync(folder).flatMap((name) => (/^\d+\.lock$/.test(name) ? [Number.parseInt(name, 10)] : []))
}

function highest(folder) {
  return Math.max(0, ...numbers(folder))
}

function write(path, holders) {
  const draft = `${path}.${process.pid}.draft`
  writeFileSync(draft, JSON.stringify(holders))
  renameSync(draft, path)
}

function isHeld(path) {
  let holders
  try {
    holders = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
  return holders.find(({ pid, startedAt }) => isAlive(pid) && identify(pid).startedAt === startedAt)
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

// The start time tells a live holder from an unrelated process that was given its number later (Linux only).
function identify(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return { pid, startedAt: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] }
  } catch {
    return { pid }
  }
}
