import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import type { Config } from '../../../platform/config/config.ts'
import { listFilesBeneath, openFileBeneath, WorkspacePathError, type FoundFiles } from './open-beneath.ts'

const run = promisify(execFile)
/** Entries of the output that are looked at. */
export const outputEntriesMax = 20_000

/** The directory of one run on the host. Everything in it except `input/` belongs to the agent and is untrusted. */
export interface Workspace {
  readonly dir: string
  /** Writes or replaces `input/<name>`, read-only in the sandbox. Throws WorkspacePathError for an invalid name. */
  putInput(name: string, content: Readable): Promise<void>
  /**
   * Lets `place` create `input/<name>` at the given path, for example as a second name of a stored file. Returns what
   * it returns: false when it created nothing. Throws WorkspacePathError for an invalid name.
   */
  placeInput(name: string, place: (path: string) => Promise<boolean>): Promise<boolean>
  /** The plain files below `output/`; links, devices and files with several names are refused. */
  listOutput(): Promise<FoundFiles>
  /** Streams a file of `output/` up to its current size. Throws WorkspacePathError when it is not a plain file. */
  openOutput(path: string): Promise<Readable>
  /** Deletes everything; no execution may be running. */
  remove(): Promise<void>
}

/** The bytes of disk that a run may use, and that the files it leaves may have together. */
export function runDiskBytesMax({ RUN_DISK_MAX }: Pick<Config, 'RUN_DISK_MAX'>): number {
  return RUN_DISK_MAX
}

/** The bytes that the input files of a run may have together. */
export function inputBytesMax(config: Pick<Config, 'RUN_DISK_MAX'>): number {
  return Math.floor(runDiskBytesMax(config) / 2)
}

/** Creates the directories of a run's workspace, or reuses those of an earlier attempt. */
export async function createWorkspace(rootDir: string, runId: string): Promise<Workspace> {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(runId))
    throw new WorkspacePathError(`${JSON.stringify(runId)} cannot name a workspace`)
  const dir = join(rootDir, runId)
  const [input, output] = [join(dir, 'input'), join(dir, 'output')]
  await mkdir(rootDir, { recursive: true, mode: 0o700 })
  await ensureDirectory(dir, 0o700)
  await ensureDirectory(input, 0o755)
  await ensureDirectory(output, 0o755)
  return {
    dir,
    putInput: (name, content) => putInput(input, name, content),
    placeInput: (name, place) => placeInput(input, name, place),
    listOutput: () => listFilesBeneath(output, outputEntriesMax),
    openOutput: (path) => openOutput(output, path),
    remove: () => removeTree(dir),
  }
}

async function ensureDirectory(path: string, mode: number): Promise<void> {
  const created = await mkdir(path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
      throw error
    },
  )
  // The umask reduces mkdir's mode. An existing directory may belong to the agent, so it keeps its mode.
  if (created) await chmod(path, mode)
}

async function placeInput(inputDir: string, name: string, place: (path: string) => Promise<boolean>): Promise<boolean> {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name) || Buffer.byteLength(name) > 255)
    throw new WorkspacePathError(`${JSON.stringify(name)} cannot name an input file`)
  if (!(await lstat(inputDir)).isDirectory()) throw new WorkspacePathError('input is not a directory')
  const partial = join(inputDir, `.${randomBytes(9).toString('hex')}.part`)
  try {
    const isPlaced = await place(partial)
    if (isPlaced) await rename(partial, join(inputDir, name))
    return isPlaced
  } finally {
    // A rename to another name of the same file leaves both.
    await rm(partial, { force: true })
  }
}

async function putInput(inputDir: string, name: string, content: Readable): Promise<void> {
  const copy = async (path: string) => {
    const file = await open(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    )
    await pipeline(content, file.createWriteStream())
    await chmod(path, 0o444)
    return true
  }
  try {
    await placeInput(inputDir, name, copy)
  } finally {
    content.destroy()
  }
}

async function openOutput(outputDir: string, path: string): Promise<Readable> {
  const file = await openFileBeneath(outputDir, path)
  const { size } = await file.stat()
  if (size > 0) return file.createReadStream({ end: size - 1 })
  await file.close()
  return Readable.from([])
}

// rm(1) walks by directory handles, so it removes trees that are deeper than the longest path of Node.
async function removeTree(dir: string): Promise<void> {
  const removeAll = () => run('rm', ['-rf', '--one-file-system', '--', dir])
  await removeAll().catch(async () => {
    // An ordinary user cannot enter directories that the agent made inaccessible.
    await run('chmod', ['-R', 'u+rwX', '--', dir]).catch(() => undefined)
    await removeAll()
  })
}
