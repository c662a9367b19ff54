import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { beforeAll, describe, expect, test } from 'vitest'
import { quickestMs } from '../../../../testing/quickest.ts'
import { conformanceCases, type CaseResult } from '../sandbox.conformance.ts'
import { createWorkspace } from '../workspace.ts'
import { findProcesses, holdsWithin } from './arena.ts'

const run = promisify(execFile)
const isRoot = process.getuid?.() === 0
const repository = resolve(import.meta.dirname, '../../../../../../..')
// Root mounts the repository here for the other user, in its own mount namespace: it may be below a closed home.
const shownAt = '/media'
const processFile = fileURLToPath(new URL('./conformance-process.ts', import.meta.url))
const otherUser = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--']

const Outcomes = Type.Array(Type.Object({ name: Type.String(), error: Type.Optional(Type.String()) }))

interface User {
  readonly name: string
  /** The command that runs conformance-process.ts as that user. */
  command(args: readonly string[]): [string, ...string[]]
}

const currentUser: User = {
  name: isRoot ? 'as root' : 'as an ordinary user',
  command: (args) => [process.execPath, processFile, ...args],
}

const ordinaryUser: User = {
  name: 'as an ordinary user',
  command: (args) => {
    const shown = (path: string) =>
      path.startsWith(`${repository}/`) ? join(shownAt, relative(repository, path)) : path
    const inner = [...otherUser, shown(process.execPath), shown(processFile), ...args]
    return [
      'unshare',
      '--mount',
      '--propagation',
      'private',
      '--',
      'sh',
      '-c',
      'mount --bind "$1" "$2" && shift 2 && cd / && exec "$@"',
      'show',
      repository,
      shownAt,
      ...inner,
    ]
  },
}

/** Registers the conformance suite for a driver, as the current user and, if that is root, as an ordinary user too. */
export function describeConformance(driver: 'bubblewrap' | 'unshare', plainUse: readonly string[]): void {
  for (const user of isRoot ? [currentUser, ordinaryUser] : [currentUser]) {
    // Checks with a plain command, not with detectSandbox: if the host can isolate, a driver that cannot must fail.
    describe.skipIf(!isPossible(user, plainUse))(`${driver} ${user.name}`, () => {
      const outcomes = new Map<string, CaseResult>()

      beforeAll(async () => {
        const [program, ...args] = user.command([driver, 'suite'])
        // An open descriptor that the server inherits, as from a supervisor: it must not reach the sandbox.
        const child = spawn(program, args, {
          env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', SECRET: 'x' },
          stdio: withInheritedDescriptor,
        })
        for (const outcome of await readOutcomes(child)) outcomes.set(outcome.name, outcome)
      }, 300_000)

      for (const { name } of conformanceCases) {
        test(name, () => {
          expect(outcomes.get(name) ?? 'was not run').toEqual({ name })
        })
      }

      test('kill -9 of the server ends the processes in its sandboxes within a second', {
        timeout: 300_000,
      }, async () => {
        expect(await quickestMs(1_000, () => deathWithServerMs(user, driver))).toBeLessThan(1_000)
      })
    })
  }
}

const withInheritedDescriptor: ('pipe' | 'inherit' | 'ignore')[] = [
  'ignore',
  'pipe',
  'inherit',
  ...Array.from({ length: 20 }, () => 'ignore' as const),
  'pipe',
]

function isPossible(user: User, plainUse: readonly string[]): boolean {
  const [program = '', ...args] = user === ordinaryUser ? [...otherUser, ...plainUse] : plainUse
  return spawnSync(program, args).status === 0
}

async function readOutcomes(child: ChildProcess): Promise<CaseResult[]> {
  const chunks: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(child, 'close')
  if (child.exitCode !== 0) throw new Error(`the suite was aborted: ${child.exitCode ?? child.signalCode ?? ''}`)
  return Value.Parse(Outcomes, JSON.parse(Buffer.concat(chunks).toString('utf8')))
}

/** How long processes in a sandbox survive their server. */
async function deathWithServerMs(user: User, driver: string): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'appstrate-hold-'))
  await chmod(dir, 0o777)
  const seconds = `${randomInt(500, 999)}.${randomInt(1e9, 9e9)}`
  const [program, ...args] = user.command([driver, 'hold', dir, seconds])
  const server = spawn(program, args, { env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' }, stdio: 'ignore' })
  const exited = once(server, 'exit')
  const isRunning = async () => (await findProcesses(`sleep\0${seconds}`)).length >= 2
  try {
    expect(await holdsWithin(60_000, isRunning)).toBe(true)
  } finally {
    server.kill('SIGKILL')
    await exited
  }
  const killedAt = performance.now()
  expect(await holdsWithin(30_000, async () => (await findProcesses(seconds)).length === 0)).toBe(true)
  const outlivedMs = performance.now() - killedAt
  await (await createWorkspace(dir, 'held')).remove()
  await run('rm', ['-rf', '--', dir])
  return outlivedMs
}
