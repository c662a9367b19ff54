// own-process: starts, kills and freezes PostgreSQL servers, and holds locks in this process.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { afterAll, describe, expect, it } from 'vitest'
import { EmbeddedPostgresUnavailable } from './embedded-postgres-unavailable.ts'
import { chooseLauncher, launch, type Launcher, type Program } from './launcher.ts'
import { findPostgresBinaries } from './postgres-binaries.ts'
import {
  cleanUp,
  isRoot,
  isRunning,
  self,
  startServer,
  temporaryDirectory,
  until,
  userWithId,
} from './testing/embedded-server.ts'

afterAll(cleanUp)

const { namespaceUid } = chooseLauncher()
const launchers: Launcher[] = [
  { namespaceUid, guard: 'kernel' },
  { namespaceUid, guard: 'watchdog' },
]
type Moment = Pick<Program, 'orphanSignal'> & { delayMs: number; frozen: boolean }
const moments: Moment[] = [
  { delayMs: 0, orphanSignal: 'INT', frozen: true },
  { delayMs: 1, orphanSignal: 'KILL', frozen: false },
  { delayMs: 3, orphanSignal: 'INT', frozen: false },
  { delayMs: 100, orphanSignal: 'INT', frozen: false },
]
const module = JSON.stringify(new URL('launcher.ts', import.meta.url).href)
const inNamespace = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c']
const canUnshare = spawnSync('unshare', ['--user', '--map-root-user', 'true']).status === 0

/** Pids of `sleep`s whose parent killed itself; the `frozen` ones were suspended early in their launch. */
async function orphans(launcher: Launcher, { delayMs, orphanSignal, frozen }: Moment): Promise<number[]> {
  const program = { file: 'sleep', args: ['61.5'], orphanSignal }
  const script = `import { writeSync } from 'node:fs'
    import { launch } from ${module}
    const children = []
    for (let count = 0; count < ${frozen ? 8 : 1}; count += 1) {
      children.push(launch(${JSON.stringify(launcher)}, ${JSON.stringify(program)}))
      if (${frozen}) children.at(-1).kill('SIGSTOP')
    }
    writeSync(1, JSON.stringify(children.map(({ pid }) => pid)))
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${delayMs})`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [[output]] = await Promise.all([once(parent.stdout, 'data'), once(parent, 'exit')])
  return Value.Parse(Type.Array(Type.Integer()), JSON.parse(String(output)))
}

describe.concurrent.each(launchers)('a program launched with the guard $guard', (launcher) => {
  it.each(moments)(
    'ends by $orphanSignal when its parent is killed $delayMs ms after the launch (frozen: $frozen)',
    async (moment) => {
      const pids = await orphans(launcher, moment)
      if (moment.frozen) for (const pid of pids.filter(isRunning)) process.kill(pid, 'SIGCONT')
      await until('the end of the programs', () => !pids.some(isRunning))
    },
  )

  it('has the pid that its parent knows, and leaves no process behind when it ends', async () => {
    const child = launch(launcher, { file: 'sh', args: ['-c', 'echo "$$ $(id -u)" >&2'], orphanSignal: 'INT' })
    const [said] = child.stderr === null ? [''] : await once(child.stderr, 'data')
    expect(String(said)).toBe(`${child.pid} ${namespaceUid ?? process.geteuid?.()}\n`)
    if (child.exitCode === null) await once(child, 'exit')
    await until('an empty session', () => {
      const { stdout } = spawnSync('ps', ['-o', 'stat=', '-s', String(child.pid)], { encoding: 'utf8' })
      return stdout.split('\n').every((state) => state === '' || state.startsWith('Z'))
    })
  })
})

describe.runIf(canUnshare)('a host without user namespaces', () => {
  it('gets one clear line as root', async () => {
    const forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    const server = startServer({
      dataDir: temporaryDirectory(self),
      identity: self,
      wrapper: [...inNamespace, forbid, 'sh'],
    })
    expect((await server.failure()).message).toMatch(
      new RegExp(
        '^The embedded PostgreSQL refuses to run as root, and a user namespace did not work here ' +
          String.raw`\(unshare: [^\n]*\); start Appstrate as an ordinary user, ` +
          String.raw`or set DATABASE_URL to use your own PostgreSQL\.$`,
      ),
    )
  })
})

describe.runIf(isRoot)('a user without a name', () => {
  it('gets its embedded PostgreSQL as well', async () => {
    const identity = userWithId('uid 54321', 54_321)
    const server = startServer({ dataDir: temporaryDirectory(identity), identity })
    expect(await server.query('select 1 as up')).toEqual([{ up: 1 }])
  })
})

describe('the binaries', () => {
  it('that are missing for a system are reported in one line', () => {
    const find = () => findPostgresBinaries('plan9-mips')
    expect(find).toThrow(EmbeddedPostgresUnavailable)
    expect(find).toThrow(
      /^No embedded PostgreSQL is installed for plan9-mips; set DATABASE_URL to use your own PostgreSQL\.$/,
    )
  })
})
