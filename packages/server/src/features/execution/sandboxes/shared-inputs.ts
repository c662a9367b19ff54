import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, copyFile, lstat, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'

/** Replaces each input file that has a second name, such as a stored file, by a copy. No execution may be running. */
export async function copySharedInputs(workspaceDir: string): Promise<void> {
  const dir = join(workspaceDir, 'input')
  for (const name of await readdir(dir)) {
    const path = join(dir, name)
    const stats = await lstat(path)
    if (!stats.isFile() || stats.nlink === 1) continue
    const copy = join(dir, `.${randomBytes(9).toString('hex')}.part`)
    await copyFile(path, copy, constants.COPYFILE_EXCL)
    await chmod(copy, 0o444)
    await rename(copy, path)
  }
}
