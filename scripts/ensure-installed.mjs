// Runs on any Node (18 or newer), before anything is installed: built-in modules only.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withInstallLock } from './install-lock.mjs'
import { recordOf } from './json-value.mjs'
import { advice, InstallError, npmCi } from './npm-ci.mjs'
import { pinnedNode, pinnedNodeWorks, root } from './pinned-node.mjs'

const stampPath = join(root, 'node_modules', '.installed.json')
const lockfilePath = join(root, 'package-lock.json')

/** Installs the packages of package-lock.json if they are not installed; exits with advice when that fails. */
export async function ensureInstalled() {
  if (isInstalled()) return
  try {
    await withInstallLock(
      join(root, '.cache', 'install'),
      async (lock) => {
        if (isInstalled() || isInstalledByHand()) return
        await install(lock)
      },
      (pid) => say(`Another process (${pid}) is installing the dependencies; waiting for it.`),
    )
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    say(error instanceof InstallError ? message : `The dependencies could not be installed: ${message}`)
    process.exit(1)
  }
}

function isInstalled() {
  return existsSync(pinnedNode) && readOrEmpty(stampPath) === stamp()
}

function stamp() {
  const lockfile = createHash('sha256').update(readFileSync(lockfilePath)).digest('hex')
  return JSON.stringify({ lockfile, platform: process.platform, arch: process.arch })
}

function writeStamp() {
  const draft = `${stampPath}.${process.pid}`
  writeFileSync(draft, stamp())
  renameSync(draft, stampPath)
}

// A developer's `npm install` writes npm's own record at its end; accepting it avoids a second install.
function isInstalledByHand() {
  const record = readOrEmpty(join(root, 'node_modules', '.package-lock.json'))
  if (!record || !pinnedNodeWorks()) return false
  const installed = packagesOf(record)
  const wanted = Object.entries(packagesOf(readFileSync(lockfilePath, 'utf8')))
  const complete = wanted.every(
    ([path, entry]) => !path.includes('node_modules/') || isSatisfied(recordOf(entry), installed[path]),
  )
  if (complete) writeStamp()
  return complete
}

/** @param {string} lockfile */
function packagesOf(lockfile) {
  return recordOf(recordOf(JSON.parse(lockfile))['packages'])
}

/**
 * @param {import('./json-value.mjs').JsonRecord} wanted
 * @param {unknown} installed
 */
function isSatisfied(wanted, installed) {
  if (!installed) return Boolean(wanted['optional'] || wanted['devOptional'])
  const found = recordOf(installed)
  return (
    found['version'] === wanted['version'] &&
    found['integrity'] === wanted['integrity'] &&
    Boolean(found['link']) === Boolean(wanted['link'])
  )
}

/** @param {import('./install-lock.mjs').InstallLock} lock */
async function install(lock) {
  say('Installing the dependencies (only when they have changed; usually less than a minute) ...')
  const startedAt = Date.now()
  rmSync(stampPath, { force: true })
  const { code, output } = await npmCi((pid) => lock.alsoHeldBy(pid))
  if (code !== 0) {
    process.stderr.write(output)
    throw new InstallError(`"npm ci" failed (see above). ${advice(output)}`)
  }
  if (!pinnedNodeWorks()) {
    process.stderr.write(output)
    throw new InstallError(
      'The pinned Node.js was not installed. If npm is set to ignore install scripts, run ' +
        '"npm ci --ignore-scripts=false" once, then this command again.',
    )
  }
  writeStamp()
  say(`Dependencies installed in ${Math.round((Date.now() - startedAt) / 1000)} s.`)
}

/** @param {string} path */
function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`)
}
