import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Directories of other hosts and earlier boots are removed when nothing has changed in them for this long. */
const abandonedMs = 60 * 60_000
const owned = /^(\d{1,10})-(\d{1,20})-([0-9a-f]{16})$/

/**
 * Creates a directory for short-lived files of this process. Below `dataDir` it bears the process's name, so that
 * `sweepTemporaryDirs` finds what a killed process left. Without `dataDir` it is in the system's temporary directory.
 */
export async function makeTemporaryDir(dataDir: string | undefined, prefix: string): Promise<string> {
  if (dataDir === undefined) return mkdtemp(join(tmpdir(), `appstrate-${prefix}-`))
  const parent = join(rootOf(dataDir), await nameOfThisProcess())
  await mkdir(parent, { recursive: true, mode: 0o700 })
  return mkdtemp(join(parent, `${prefix}-`))
}

/** Removes the temporary directories of dead processes. Touches nothing whose name is not that of a process. */
export async function sweepTemporaryDirs(dataDir: string): Promise<void> {
  await sweep(rootOf(dataDir))
}

async function sweep(root: string): Promise<void> {
  const system = await nameOfSystem()
  for (const name of await readdir(root).catch(() => [])) {
    const [, pid = '', startedAt = '', home = ''] = owned.exec(name) ?? []
    if (pid === '') continue
    const isLeft = home === system ? (await startOf(pid)) !== startedAt : await isAbandoned(join(root, name))
    if (isLeft) await rm(join(root, name), { recursive: true, force: true })
  }
}

const rootOf = (dataDir: string) => join(dataDir, 'temporary')

async function nameOfThisProcess(): Promise<string> {
  return `${process.pid}-${await startOf('self')}-${await nameOfSystem()}`
}

// Several hosts and containers can share the data directory: a pid means something only in its own pid namespace.
async function nameOfSystem(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8')
  const namespace = await readlink('/proc/self/ns/pid')
  return createHash('sha256').update(`${boot} ${namespace}`).digest('hex').slice(0, 16)
}

/** When a process started, in clock ticks since the boot; undefined when there is none. */
async function startOf(pid: string): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The second field is the program's name, which can contain blanks and brackets.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19]
}

async function isAbandoned(dir: string): Promise<boolean> {
  const found = await stat(dir).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs > abandonedMs
}
