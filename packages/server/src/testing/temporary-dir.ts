import { chmod, mkdtemp, readdir, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const memoryDir = '/dev/shm'
const memoryBytesMin = 2 * 1024 ** 3
const prefix = 'appstrate-tests-'

/**
 * Makes a new directory the temporary one of this process and of those that it starts; returns what removes it.
 * It is in memory if there is enough: on a disk, cloning a database takes half a second.
 */
export async function useTemporaryDir(): Promise<() => Promise<void>> {
  const parent = (await hasMemory()) ? memoryDir : tmpdir()
  await removeAbandoned(parent)
  const path = await mkdtemp(join(parent, `${prefix}${process.pid}-`))
  // As /tmp: some tests start programs as other users.
  await chmod(path, 0o1777)
  process.env['TMPDIR'] = path
  return () => rm(path, { recursive: true, force: true })
}

async function hasMemory(): Promise<boolean> {
  const space = await statfs(memoryDir).catch(() => undefined)
  return space !== undefined && space.bavail * space.bsize >= memoryBytesMin
}

/** Removes the directories of test runs that were killed. */
async function removeAbandoned(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix))
  const abandoned = names.filter((name) => !isRunning(Number(name.slice(prefix.length).split('-')[0])))
  await Promise.all(abandoned.map((name) => rm(join(parent, name), { recursive: true, force: true })))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs as another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
