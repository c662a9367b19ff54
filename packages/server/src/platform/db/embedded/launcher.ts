import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { EmbeddedPostgresUnavailable } from './embedded-postgres-unavailable.ts'

/** How a program is started: under a uid that PostgreSQL accepts, and so that it ends when this process ends. */
export interface Launcher {
  /** The uid to show inside a user namespace; undefined starts the program as the current user. */
  readonly namespaceUid: number | undefined
  /** `kernel`: a parent death signal; `watchdog`: a shell that waits for the end of a pipe held by this process. */
  readonly guard: 'kernel' | 'watchdog'
}

const systemPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** The environment of launched programs: without the server's keys, and without PG* and LC_* of the host. */
export const launchEnvironment = { PATH: systemPath.join(':'), LC_ALL: 'C', TZ: 'UTC' }

// Compare the parent's pid: it may have died before setpriv requested the signal.
const startUnlessOrphaned = '[ "$PPID" = "$0" ] || exit 1; exec "$@"'
// The end of the pipe without a line means that the parent died. A line means that the program has ended, so that
// its pid must not be signalled any more.
const startWithWatchdog =
  'exec 3<&0 </dev/null; ( { read -r _ <&3 || kill -"$0" $$; } >/dev/null 2>&1 & ); exec 3<&-; exec "$@"'

/** The launcher for this host. PostgreSQL refuses root, and initdb refuses a uid without a name, so both get a user
namespace. */
export function chooseLauncher(): Launcher {
  const guard = process.platform === 'linux' && isInstalled('setpriv') ? 'kernel' : 'watchdog'
  const isRoot = process.geteuid?.() === 0
  if (!isRoot && hasName()) return { namespaceUid: undefined, guard }
  if (process.platform === 'linux') return { namespaceUid: firstOrdinaryUid(), guard }
  throw new EmbeddedPostgresUnavailable(
    'The embedded PostgreSQL refuses to run as root',
    EmbeddedPostgresUnavailable.orOwnDatabase('start Appstrate as an ordinary user'),
  )
}

export interface Program {
  readonly file: string
  readonly args: readonly string[]
  /** The signal it gets when this process dies: INT allows it to clean up. */
  readonly orphanSignal: 'INT' | 'KILL'
}

/** Starts a program with only stderr connected; the child's pid is the program's own. */
export function launch(launcher: Launcher, program: Program): ChildProcess {
  const [file = '', ...rest] = [
    ...namespacePrefix(launcher),
    ...guardPrefix(launcher, program),
    program.file,
    ...program.args,
  ]
  const child = spawn(file, rest, {
    cwd: '/',
    env: launchEnvironment,
    // A separate session, so that Ctrl-C in a terminal does not stop the database before the server.
    detached: true,
    stdio: [launcher.guard === 'watchdog' ? 'pipe' : 'ignore', 'ignore', 'pipe'],
  })
  child.stdin?.on('error', () => undefined)
  child.once('exit', () => child.stdin?.end('\n'))
  return child
}

/** The error of a launch that failed without a message of the program: most such hosts forbid user namespaces. */
export function launchFailure(launcher: Launcher, said: string): EmbeddedPostgresUnavailable {
  if (launcher.namespaceUid === undefined)
    return new EmbeddedPostgresUnavailable(`The embedded PostgreSQL did not start: ${said}`)
  const who = process.geteuid?.() === 0 ? 'as root' : 'under a uid without a name'
  return new EmbeddedPostgresUnavailable(
    `The embedded PostgreSQL refuses to run ${who}, and a user namespace did not work here (${said})`,
    EmbeddedPostgresUnavailable.orOwnDatabase('start Appstrate as an ordinary user'),
  )
}

function namespacePrefix({ namespaceUid }: Launcher): string[] {
  if (namespaceUid === undefined) return []
  return ['unshare', '--user', `--map-user=${namespaceUid}`, `--map-group=${namespaceUid}`, '--']
}

function guardPrefix({ guard }: Launcher, { orphanSignal }: Program): string[] {
  if (guard === 'watchdog') return ['sh', '-c', startWithWatchdog, orphanSignal]
  return ['setpriv', '--pdeathsig', orphanSignal, '--', 'sh', '-c', startUnlessOrphaned, String(process.pid)]
}

function isInstalled(program: string): boolean {
  return systemPath.some((directory) => existsSync(join(directory, program)))
}

function hasName(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    return false
  }
}

function firstOrdinaryUid(): number {
  try {
    const uids = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => Number(line.split(':')[2]))
    return uids.find((uid) => Number.isInteger(uid) && uid > 0) ?? 65_534
  } catch {
    return 65_534
  }
}
