// Runs on any Node (18 or newer), before anything is installed: built-in modules only.
import { spawn } from 'node:child_process'
import { delimiter, join, sep } from 'node:path'
import { root, withoutNodeOptions } from './pinned-node.mjs'
import { endBySignal, stopSignals } from './stop-signals.mjs'

const outputLimit = 200_000
const flags = [
  'ci',
  '--include=dev',
  '--include=optional',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
  '--no-progress',
]

/** An error whose message tells the user what to do. */
export class InstallError extends Error {}

/**
 * Runs `npm ci`. If a signal stops it, ends this process by the same signal.
 * @param {(pid: number) => void} onStart
 * @returns {Promise<{ code: number | null, output: string }>}
 */
export function npmCi(onStart) {
  return new Promise((resolve, reject) => {
    const npm = spawn('npm', flags, { cwd: root, env: npmEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    /** @param {Buffer} chunk */
    const collect = (chunk) => (output = (output + chunk.toString()).slice(-outputLimit))
    npm.stdout.on('data', collect)
    npm.stderr.on('data', collect)
    if (npm.pid) onStart(npm.pid)
    /** @type {NodeJS.Signals | undefined} */
    let stoppedBy
    /** @param {NodeJS.Signals} signal */
    const stop = (signal) => npm.kill((stoppedBy = signal))
    for (const signal of stopSignals) process.on(signal, stop)
    npm.on('error', (error) => reject(isMissing(error) ? new InstallError(missingNpm) : error))
    npm.on('close', (code, signal) => {
      for (const name of stopSignals) process.off(name, stop)
      const endedBy = stoppedBy ?? signal
      if (endedBy) endBySignal(endedBy)
      else resolve({ code, output })
    })
  })
}

// `npm start` puts node_modules/.bin first in PATH. Its `node` is about to be replaced, so npm must not run on it.
function npmEnvironment() {
  const installed = join(root, 'node_modules') + sep
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.startsWith(installed))
    .join(delimiter)
  const { NODE_ENV: _, ...rest } = withoutNodeOptions()
  return { ...rest, PATH: path }
}

const missingNpm = '"npm" was not found; install Node.js 20 or newer with npm.'

/** @param {Error} error */
function isMissing(error) {
  return 'code' in error && error.code === 'ENOENT'
}

/** @type {readonly (readonly [RegExp, string])[]} */
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

/**
 * What the user can do about a failed `npm ci`.
 * @param {string} output
 */
export function advice(output) {
  const known = advices.find(([pattern]) => pattern.test(output))
  return known ? known[1] : 'Fix that and run this command again: an unfinished install is redone from the start.'
}
