// Runs on whatever Node the machine has (18 or newer), before anything is installed: built-in modules only.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withInstallLock } from './install-lock.mjs'

/** The checkout that this script belongs to, without a trailing separator. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '')

/** The Node that the lockfile pins; everything but the scripts in this folder runs on it. */
export const pinnedNode = join(root, 'node_modules', '.bin', 'node')

const stampPath = join(root, 'node_modules', '.installed.json')
const outputLimit = 200_000

/** Makes node_modules complete for package-lock.json; exits the process with advice where it can't. */
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
    fail(error instanceof InstallError ? error.message : `The dependencies could not be installed: ${error.message}`)
  }
}

class InstallError extends Error {}

function isInstalled() {
  return existsSync(pinnedNode) && readOrEmpty(stampPath) === stamp()
}

function stamp() {
  const lockfile = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  return JSON.stringify({ lockfile, platform: process.platform, arch: process.arch })
}

function writeStamp() {
  const draft = `${stampPath}.${process.pid}`
  writeFileSync(draft, stamp())
  renameSync(draft, stampPath)
}

// `npm install` run by hand writes npm's own record last; adopting it spares a developer a second install.
function isInstalledByHand() {
  const record = readOrEmpty(join(root, 'node_modules', '.package-lock.json'))
  if (!record || !pinnedNodeWorks()) return false
  const installed = JSON.parse(record).packages
  const wanted = Object.entries(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages)
  const complete = wanted.every(([path, entry]) => {
    if (!path.includes('node_modules/')) return true
    const found = installed[path]
    if (!found) return Boolean(entry.optional || entry.devOptional)
    return (
      found.version === entry.version &&
      found.integrity === entry.integrity &&
      Boolean(found.link) === Boolean(entry.link)
    )
  })
  if (complete) writeStamp()
  return complete
}

function pinnedNodeWorks() {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies.node
  const answer = spawnSync(pinnedNode, ['--version'], { encoding: 'utf8', env: withoutNodeOptions() })
  return answer.status === 0 && answer.stdout.trim() === `v${wanted}`
}

async function install(lock) {
  say('Installing the dependencies (only when they have changed; usually less than a minute) ...')
  const startedAt = Date.now()
  rmSync(stampPath, { force: true })
  const { code, output } = await npmCi(lock)
  if (code !== 0) {
    process.stderr.write(output)
    throw new InstallError(`"npm ci" failed (see above). ${advice(output)}`)
  }
  if (!pinnedNodeWorks()) {
    process.stderr.write(output)
    throw new InstallError(
      'The pinned Node.js was not installed. If npm is set to ignore install scripts, run "npm ci --ignore-scripts=false" once, then this command again.',
    )
  }
  writeStamp()
  say(`Dependencies installed in ${Math.round((Date.now() - startedAt) / 1000)} s.`)
}

function npmCi(lock) {
  const flags = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--no-progress',
  ]
  return new Promise((resolve, reject) => {
    const npm = spawn('npm', flags, { cwd: root, env: npmEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk) => (output = (output + chunk).slice(-outputLimit))
    npm.stdout.on('data', collect)
    npm.stderr.on('data', collect)
    if (npm.pid) lock.alsoHeldBy(npm.pid)
    let stoppedBy
    const stop = (signal) => npm.kill((stoppedBy = signal))
    for (const signal of stopSignals) process.on(signal, stop)
    npm.on('error', (error) => {
      reject(
        error.code === 'ENOENT'
          ? new InstallError('"npm" was not found; install Node.js 20 or newer with npm.')
          : error,
      )
    })
    npm.on('close', (code, signal) => {
      for (const name of stopSignals) process.off(name, stop)
      if (stoppedBy ?? signal) endBy(stoppedBy ?? signal)
      else resolve({ code, output })
    })
  })
}

// `npm start` puts node_modules/.bin first: its `node` is about to be replaced, so npm must not run on it.
function npmEnvironment() {
  const ours = join(root, 'node_modules') + sep
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.startsWith(ours))
    .join(delimiter)
  const { NODE_ENV: _, ...rest } = withoutNodeOptions()
  return { ...rest, PATH: path }
}

function withoutNodeOptions() {
  const { NODE_OPTIONS: _, ...rest } = process.env
  return rest
}

const advices = [
  [
    /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|network/i,
    'Check the network connection or the proxy of npm, then run this command again.',
  ],
  [/ENOSPC/, 'The disk is full: make room (about 1 GB is needed), then run this command again.'],
  [/EUSAGE|in sync/, 'package.json and package-lock.json disagree: run "npm install" and commit the lockfile.'],
  [
    /EACCES|EPERM|EROFS/,
    'This user may not write here: check who owns this folder and the npm cache ("npm config get cache").',
  ],
]

function advice(output) {
  const known = advices.find(([pattern]) => pattern.test(output))
  return known ? known[1] : 'Fix that and run this command again: an unfinished install is redone from the start.'
}

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP']
const repeatWindowMs = 1_000

/** Hands this process over to the pinned Node: replaces it where this Node can, else waits and ends as the child ended. */
export function becomePinnedNode(args) {
  process.chdir(root)
  // Keeps the code as it was compiled: the next start takes half the time.
  process.env.NODE_COMPILE_CACHE ??= join(root, '.cache', 'compile')
  if (typeof process.execve === 'function') {
    process.emitWarning = () => {}
    process.execve(pinnedNode, [pinnedNode, ...args], process.env)
  }
  const [command, ...rest] = [...dieWithParent(), pinnedNode, ...args]
  const child = spawn(command, rest, { stdio: 'inherit' })
  // A terminal's Ctrl-C reaches the whole group, and npm repeats it: one of each is enough.
  const lastSentAt = {}
  for (const signal of stopSignals) {
    process.on(signal, () => {
      const now = Date.now()
      if (now - (lastSentAt[signal] ?? 0) > repeatWindowMs) child.kill(signal)
      lastSentAt[signal] = now
    })
  }
  child.on('error', (error) => fail(`${pinnedNode} could not be started: ${error.message}`))
  child.on('exit', (code, signal) => (signal ? endBy(signal) : process.exit(code ?? 1)))
}

// On Linux the kernel tells the child when this process is killed without a chance to say so.
function dieWithParent() {
  const prefix = ['setpriv', '--pdeathsig', 'TERM']
  const works =
    process.platform === 'linux' && spawnSync(prefix[0], [...prefix.slice(1), 'true'], { stdio: 'ignore' }).status === 0
  return works ? prefix : []
}

function endBy(signal) {
  for (const name of stopSignals) process.removeAllListeners(name)
  process.kill(process.pid, signal)
  setTimeout(() => process.exit(1), 1_000)
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function say(line) {
  process.stderr.write(`${line}\n`)
}

function fail(line) {
  say(line)
  process.exit(1)
}
