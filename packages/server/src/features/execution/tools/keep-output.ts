import { BlobTooLarge } from '../../../platform/blobs/blob-directory.ts'
import type { Platform } from '../../../platform/platform.ts'
import { Problem } from '../../../platform/problems/problem.ts'
import { addRunFile, fileBytesMax, refuseRunFileWithoutRoom } from '../files/index.ts'
import type { Run } from '../runs/index.ts'
import { runDiskBytesMax, WorkspacePathError, type Workspace } from '../sandboxes/index.ts'

/** Output files that a run may keep. */
export const outputFilesMax = 200

type Keeping = Pick<Platform, 'db' | 'blobs' | 'config' | 'hooks' | 'use'>

export interface LostFile {
  readonly path: string
  /** Continues a sentence that starts with the path. */
  readonly reason: string
}

/** The result of keeping the files in /workspace/output. */
export interface CollectedOutput {
  /** The first files that can never be kept, with the reason. */
  readonly lost: readonly LostFile[]
  /** How many more entries can never be kept, such as links. */
  readonly moreLost: number
  /** Whether there were more files than a run may keep. */
  readonly isMore: boolean
  /** Whether there were more entries than are looked at. */
  readonly isCut: boolean
}

/**
 * Keeps the files in /workspace/output as the run's files, with a limit for the bytes of content together: a sparse
 * file counts with what reading it returns. A file that cannot be kept does not affect the others.
 */
export async function keepOutput(
  platform: Keeping,
  { run, source }: { run: Run; source: Workspace },
): Promise<CollectedOutput> {
  const { files, refused, moreRefused, isCut } = await source.listOutput()
  const lost: LostFile[] = [...refused]
  let leftBytes = runDiskBytesMax(platform.config)
  for (const { path, sizeBytes } of files.slice(0, outputFilesMax)) {
    const outcome = await keepFile(platform, { run, source, path, sizeBytes, leftBytes })
    if ('reason' in outcome) lost.push({ path, reason: outcome.reason })
    else leftBytes -= outcome.keptBytes
  }
  return { lost, moreLost: moreRefused, isMore: files.length > outputFilesMax, isCut }
}

interface Candidate {
  readonly run: Run
  readonly source: Workspace
  readonly path: string
  readonly sizeBytes: number
  /** What the run may still keep. */
  readonly leftBytes: number
}

/** Keeps one output file; returns the reason when it can never be kept. */
async function keepFile(
  platform: Keeping,
  { run, source, path, sizeBytes, leftBytes }: Candidate,
): Promise<{ readonly keptBytes: number } | { readonly reason: string }> {
  const [fileMax, runMax] = [fileBytesMax(platform.config), runDiskBytesMax(platform.config)]
  const tooLarge =
    fileMax <= leftBytes
      ? `is larger than ${fileMax} bytes`
      : `is larger than the ${leftBytes} bytes that are left of the ${runMax} bytes that a run may keep`
  if (sizeBytes > Math.min(fileMax, leftBytes)) return { reason: tooLarge }
  const maker = { ...run, runId: run.id }
  try {
    await refuseRunFileWithoutRoom(platform, maker, { path, sizeBytes })
    const content = await source.openOutput(path)
    const file = await addRunFile(platform, maker, { path, content, bytesMax: leftBytes })
    return { keptBytes: file.sizeBytes }
  } catch (error) {
    if (error instanceof Problem && error.code === 'quota-exceeded')
      return { reason: `does not fit: ${(error.options.detail ?? '').replace(/\.$/, '')}` }
    // It can have grown since it was listed.
    if (error instanceof BlobTooLarge) return { reason: tooLarge }
    if (error instanceof WorkspacePathError) return { reason: 'is not a plain file' }
    throw error
  }
}
