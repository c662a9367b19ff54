// Runs on any Node (18 or newer), before anything is installed: built-in modules only.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recordOf } from './json-value.mjs'
import { endBySignal, stopSignals } from './stop-signals.mjs'

/** The checkout that this script belongs to, without a trailing separator. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '')

/** The Node that the lockfile pins. Everything except the `.mjs` scripts in this folder runs on it. */
export const pinnedNode = join(root, 'node_modules', '.bin', 'node')

const repeatWindowMs = 1_000

/** Whether the pinned Node starts and has the version in package.json. */
export function pinnedNodeWorks() {
  const manifest = recordOf(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  const wanted = recordOf(manifest['devDependencies'])['node']
  const answer = spawnSync(pinnedNode, ['--version'], { encoding: 'utf8', env: withoutNodeOptions() })
  return answer.status === 0 && answer.stdout.trim() === `v${wanted}`
}

/** The environment without NODE_OPTIONS, which may contain options that another version of Node does not know. */
export function withoutNodeOptions() {
  const { NODE_OPTIONS: _, ...rest } = process.env
  return rest
}

/**
 * Continues as the pinned Node: replaces this process if this Node can, else waits and ends as the child ended.
 * @param {readonly string[]} args
 */
export function becomePinnedNode(args) {
  process.chdir(root)
  // Keeps the compiled code, so that the next start takes half the time.
  process.env['NODE_COMPILE_CACHE'] ??= join(root, '.cache', 'compile')
  if (typeof process.execve === 'function') {
    process.emitWarning = () => {}
    process.execve(pinnedNode, [pinnedNode, ...args], process.env)
  }
  const [command = pinnedNode, ...rest] = [...dieWithParent(), pinnedNode, ...args]
  const child = spawn(command, rest, { stdio: 'inherit' })
  forwardSignals(child)
  child.on('error', (error) => {
    process.stderr.write(`${pinnedNode} could not be started: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => (signal ? endBySignal(signal) : process.exit(code ?? 1)))
}

/**
 * A terminal's Ctrl-C reaches the whole process group, and npm sends it again: forwards only one of each signal.
 * @param {import('node:child_process').ChildProcess} child
 */
function forwardSignals(child) {
  /** @type {Map<NodeJS.Signals, number>} */
  const lastSentAt = new Map()
  for (const signal of stopSignals) {
    process.on(signal, () => {
      const now = Date.now()
      if (now - (lastSentAt.get(signal) ?? 0) > repeatWindowMs) child.kill(signal)
      lastSentAt.set(signal, now)
    })
  }
}

// On Linux the kernel can signal the child when this process is killed and cannot forward the signal.
function dieWithParent() {
  const flags = ['--pdeathsig', 'TERM']
  const works =
    process.platform === 'linux' && spawnSync('setpriv', [...flags, 'true'], { stdio: 'ignore' }).status === 0
  return works ? ['setpriv', ...flags] : []
}
