import { stat, statfs } from 'node:fs/promises'

// What the kernel holds for a file besides its content: the inode and its name.
const inodeBytes = 1_024

/** The memory, in bytes, that the names of files in /tmp and /dev/shm of a sandbox take; their content has a limit. */
export async function measureTemporaryFiles(pids: readonly number[]): Promise<number> {
  const host = await deviceOf('/tmp')
  for (const pid of [...pids].reverse()) {
    const root = `/proc/${pid}/root`
    const [device, atRoot] = [await deviceOf(`${root}/tmp`), await deviceOf(root)]
    // Until the launch has changed the root, this is the /tmp of the host.
    if (device === undefined || device === host || device === atRoot) continue
    const counts = await Promise.all(['/tmp', '/dev/shm'].map((dir) => countFiles(root + dir)))
    return inodeBytes * counts.reduce((sum, count) => sum + count, 0)
  }
  return 0
}

async function countFiles(dir: string): Promise<number> {
  const space = await statfs(dir).catch(() => undefined)
  return space === undefined ? 0 : space.files - space.ffree
}

async function deviceOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.dev
}
