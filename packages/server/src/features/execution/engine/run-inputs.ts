import type { Platform } from '../../../platform/platform.ts'
import { namesInOneFolder, openContents, type ReadableContent } from '../files/index.ts'
import { findRunInputs, type Run } from '../runs/index.ts'

/** A file that a run is given: its name in /workspace/input, and what its bytes are read with. */
export interface RunInput extends ReadableContent {
  readonly name: string
}

/** The files that a run is given, in the order of their names: every attempt's prompt lists them in the same. */
export async function listInputs(platform: Platform, run: Run): Promise<RunInput[]> {
  const inputs = await openContents(platform, await findRunInputs(platform.db, run.id))
  const sorted = inputs
    .map((input) => ({ ...input, name: run.seal.openText(input.name) ?? '' }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  // A file that another run made is named by its path; /workspace/input is one folder.
  const names = namesInOneFolder(sorted.map(({ name }) => name))
  return sorted.map((input, index) => ({ ...input, name: names[index] ?? input.name }))
}
